/** Parts of the JSON schemas. Bodies are refused for what they have too much; answers carry only what is listed. */

export type JsonSchema = Readonly<Record<string, unknown>>;

export const text: JsonSchema = { type: 'string' };
export const flag: JsonSchema = { type: 'boolean' };
export const count: JsonSchema = { type: 'integer', minimum: 0 };
export const time: JsonSchema = { type: 'string', format: 'date-time' };
export const texts: JsonSchema = { type: 'array', items: text };

const failure: JsonSchema = {
  type: 'object',
  required: ['error', 'message'],
  properties: { error: text, message: text },
};

/** What any route may answer instead of what was asked for. */
export const failures: JsonSchema = {
  '4xx': { description: 'Refused', ...failure },
  '5xx': { description: 'Failed', ...failure },
};

/** The answer that has no body. */
export const done: JsonSchema = { description: 'Done', type: 'null' };

// Bounds only keep absurd input out; the stores know the rules and word their refusals better.
export const password: JsonSchema = { type: 'string', maxLength: 1024 };
export const name: JsonSchema = { type: 'string', maxLength: 256 };

export const nameParam: JsonSchema = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string', minLength: 1, maxLength: 256 } },
};

export const idParam: JsonSchema = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 64 } },
};
