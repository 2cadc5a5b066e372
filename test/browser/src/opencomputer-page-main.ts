// What a page of an application has of the vendor's client.

import { connectSession } from '@opencomputer/sdk';

Object.assign(globalThis, { connectSession });
