/** The symbol under which Node's `util.inspect` looks for a printer; a registered symbol, so no import of node:util. */
export const inspect: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;
