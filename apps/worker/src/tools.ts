// What an agent may do: four tools of the hands, and two by which it speaks.

interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly input_schema: object;
}

const tool = (
  name: string,
  description: string,
  properties: Readonly<Record<string, string>>,
): ToolDefinition => ({
  name,
  description,
  input_schema: {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(properties).map(([key, purpose]) => [
        key,
        { type: 'string', description: purpose },
      ]),
    ),
    required: Object.keys(properties),
  },
});

export const toolDefinitions: readonly ToolDefinition[] = [
  tool('bash', 'Runs a command with bash in the working folder.', { command: 'the command' }),
  tool('read', 'Reads a file of the working folder.', { path: 'relative path' }),
  tool('write', 'Writes a file of the working folder, with the folders above it.', {
    path: 'relative path',
    text: 'all of its text',
  }),
  tool('ls', 'Lists a folder of the working folder.', {
    path: 'relative path; . is the folder itself',
  }),
  tool('say', 'Tells the user something, and goes on.', { text: 'what to tell' }),
  tool('ask', 'Asks the user, and ends the turn: the answer comes as the next message.', {
    text: 'the question',
  }),
];
