import './browser-gaps.js';
import { render } from 'preact';
import { App } from './app.js';
import { html } from './render.js';

const place = document.getElementById('app');
if (place !== null) render(html`<${App} />`, place);
