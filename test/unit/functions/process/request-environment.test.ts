import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { requestEnvironment } from '../../../../src/functions/process/request-environment.ts';
import { buildRequest } from '../../../support/requests.ts';

describe('the environment of a request', () => {
  it('tells what the classic watchdog tells', () => {
    const request = buildRequest('/a/b?x=1&y', {
      method: 'PUT',
      headers: { 'x-call-id': 'id', host: 'pi:8080', accept: ['text/html', 'text/plain'] },
      body: Buffer.from('four'),
    });
    expect(requestEnvironment(request)).toEqual({
      Http_X_Call_Id: 'id',
      Http_Host: 'pi:8080',
      Http_Accept: 'text/html',
      Http_Method: 'PUT',
      Http_Path: '/a/b',
      Http_Query: 'x=1&y',
      Http_ContentLength: '4',
      Http_Content_Length: '4',
    });
  });

  it('has the host that was called, as the gateway tells it', () => {
    const headers = { 'x-forwarded-host': 'pi-01.local:8080' };
    expect(requestEnvironment(buildRequest('/', { headers }))).toMatchObject({
      Http_Host: 'pi-01.local:8080',
    });
  });

  it('has the path decoded, as far as that is possible', () => {
    const pathOf = (target: string) => requestEnvironment(buildRequest(target)).Http_Path;
    expect(pathOf('/a/b%20c/%C3%BC')).toBe('/a/b c/ü');
    expect(pathOf('/%ff')).toBe('/%ff');
    expect(pathOf('/nul%00')).toBe('/nul%00');
  });

  it('has no query where there is none', () => {
    expect(requestEnvironment(buildRequest('/'))).not.toHaveProperty('Http_Query');
  });

  it('tells the length of a stream where its sender did, else that it is chunked', () => {
    const body = Readable.from(['x']);
    expect(requestEnvironment(buildRequest('/', { body, headers: { 'content-length': '1' } }))).toMatchObject(
      {
        Http_ContentLength: '1',
        Http_Content_Length: '1',
      },
    );
    expect(requestEnvironment(buildRequest('/', { body, headers: {} }))).toMatchObject({
      Http_ContentLength: '-1',
      Http_Content_Length: '-1',
      Http_Transfer_Encoding: 'chunked',
    });
  });

  it('lets no header take the place of what the request is', () => {
    const headers = { method: 'DELETE', path: '/etc', contentlength: '9' };
    expect(requestEnvironment(buildRequest('/', { headers }))).toMatchObject({
      Http_Method: 'POST',
      Http_Path: '/',
    });
  });
});
