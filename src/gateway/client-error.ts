import type { Socket } from 'node:net';
import { systemCode } from '../support/errors.ts';

const answers: Readonly<Record<string, readonly [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the request headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not arrive in time'],
};

/** Answers what cannot be read as a request, and closes: says so, or the client would use the connection again. */
export function answerClientError(err: Error, socket: Socket): void {
  const [status, message] = answers[systemCode(err) ?? ''] ?? ['400 Bad Request', 'this is not HTTP/1.1'];
  if (socket.writable)
    socket.write(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${message.length}\r\n\r\n${message}`,
    );
  socket.destroy();
}
