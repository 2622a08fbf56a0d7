import { createServer } from 'node:http';
import { probe } from './probe.mjs';

const { CONTENT_TYPE: contentType = 'application/octet-stream' } = process.env;

const server = createServer(async (request, response) => {
  const [path, query = ''] = request.url.split('?');
  // Events are posted to the root; whoever counts them is told of each before it is answered.
  if (path === '/' && process.env.TELL !== undefined) {
    const told = await fetch(process.env.TELL, {
      method: 'POST',
      body: Buffer.concat(await request.toArray()),
    });
    return response.writeHead(told.status).end();
  }
  if (path === '/echo' || path === '/')
    return request.pipe(response.writeHead(200, { 'content-type': contentType }));
  const chunks = await request.toArray();
  const body = await probe(path, query, Buffer.concat(chunks));
  response.end(body);
}).listen(Number(process.env.PORT), process.env.HOST ?? '127.0.0.1');

// As process 1 of a container it would otherwise not hear it.
process.on('SIGTERM', () => server.close(() => process.exit()));
