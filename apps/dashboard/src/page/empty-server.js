// What a newcomer sees: three ways to get events in, as they work for this address.

import { useState } from 'preact/hooks';
import { html } from './render.js';

/** @param {string} origin */
const waysFor = (origin) => [
  {
    title: 'With curl',
    said: 'A session is made by its first event.',
    code: `curl -X POST ${origin}/v1/sessions/hello/events \\
  -H 'content-type: application/json' \\
  -d '{"type":"user.message","content":[{"type":"text","text":"first"}]}'`,
  },
  {
    title: 'With Anthropic’s client',
    said: 'npm install @anthropic-ai/sdk; only its baseURL is another.',
    code: `import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({ baseURL: '${origin}', apiKey: 'any' });
const session = await client.beta.sessions.create({
  agent: 'agent_x',
  environment_id: 'env_y',
});
await client.beta.sessions.events.send(session.id, {
  events: [{ type: 'user.message', content: [{ type: 'text', text: 'hello' }] }],
});`,
  },
  {
    title: 'Import what your agents did, and go on with it',
    said: 'In a checkout; codex, opencode and others as well. A second import appends nothing.',
    code: `TIDEMARK_URL=${origin} npx tidemark import claude-code --watch`,
  },
];

export function EmptyServer() {
  return html`
    <main class="empty">
      <h1>No session yet</h1>
      <p class="lead">
        Send events to this address, and they are here at once. <code>npm run demo</code> sends those
        of a dozen invented agents.
      </p>
      <div class="ways">
        ${waysFor(location.origin).map((way) => html`<${Way} key=${way.title} ...${way} />`)}
      </div>
    </main>
  `;
}

/** @param {{ title: string, said: string, code: string }} props */
function Way({ title, said, code }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(code).then(() => setCopied(true));
  return html`
    <section class="way">
      <h2>${title}</h2>
      <p>${said}</p>
      <div class="command">
        <pre>${code}</pre>
        <button type="button" onClick=${copy} aria-label="Copy: ${title}">${isCopied ? 'Copied' : 'Copy'}</button>
      </div>
    </section>
  `;
}
