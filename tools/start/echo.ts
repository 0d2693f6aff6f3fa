/**
 * The echo agent as a child of `npm start`: loads while the gateway is still starting, and begins once it is told the
 * gateway's address. Arguments: the agent's folder.
 */
await Promise.all([import('@sotto/client'), import('@sotto/crypto'), import('@sotto/vault')]);
const address = await new Promise<string>((resolve, reject) => {
  process.once('message', (message) => {
    if (typeof message === 'object' && message !== null && 'address' in message) resolve(String(message.address));
  });
  process.once('disconnect', () => reject(new Error('whoever started this is gone')));
});
process.argv.splice(3, Number.POSITIVE_INFINITY, address);
await import('../../examples/echo-agent.ts');
