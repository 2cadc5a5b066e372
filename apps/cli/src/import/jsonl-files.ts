import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { jsonl, sourceSessionName } from '@tidemark/agent-formats';
import { filesUnder } from './claude-files.ts';
import type { TranscriptSource } from './transcript.ts';

/** A file, or all of a folder: each is a session of the name of its file. */
export const jsonlFiles = (path: string): TranscriptSource => ({
  name: 'jsonl',
  discover: async () => {
    const isFolder = (await stat(path)).isDirectory();
    const paths = isFolder ? await filesUnder(path, '.jsonl', '.ndjson') : [path];
    return paths.map((file) => {
      const name = basename(file).replace(/\.(jsonl|ndjson)$/, '');
      return {
        path: file,
        key: 'main',
        session: sourceSessionName('jsonl', name),
        format: jsonl,
        metadata: { source: 'jsonl', source_session: name },
      };
    });
  },
});
