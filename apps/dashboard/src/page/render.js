// Elements as templates. Whatever stands in a template is text: nothing is ever taken for markup.

import htm from 'htm';
import { h } from 'preact';

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);
