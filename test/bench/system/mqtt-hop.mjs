// Sends what comes on bench/there back on bench/back, and says so when it begins: node mqtt-hop.mjs URL
import { connectAsync } from 'mqtt';

const client = await connectAsync(process.argv[2]);
client.stream.setNoDelay(true);
client.on('message', (_topic, payload) => client.publish('bench/back', payload, { qos: 1 }));
await client.subscribeAsync('bench/there', { qos: 1 });
console.log('ready');
