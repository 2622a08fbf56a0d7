import { describe, expect, it } from 'vitest';
import { cleanPath } from '../../../src/gateway/clean-path.ts';
import { parseFunctionPath } from '../../../src/gateway/function-path.ts';

describe('cleanPath', () => {
  it.each([
    ['/a//b', '/a/b'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/%2e%2E/b?x=//', '/b?x=//'],
    ['/a/.%2e', '/'],
    ['/../..', '/'],
    ['/a/b/..', '/a'],
    ['/a//', '/a/'],
    ['//', '/'],
    ['//\\other.example', '/%5Cother.example'],
  ])('sends %s to %s', (url, clean) => {
    expect(cleanPath(url)).toBe(clean);
  });

  it.each([
    '/',
    '/a/b',
    '/a/b/',
    '/a/.b',
    '/a/b..',
    '/a/...',
    '/a%2Fb',
    '/a?x=/../',
    '*',
    'http://host/a//b',
  ])('leaves %s alone', (url) => {
    expect(cleanPath(url)).toBeUndefined();
  });

  it('makes paths that need no more cleaning', () => {
    for (const url of ['/a/./../b//c/%2e%2e/', '////', '/%2e/%2e%2e/x/'])
      expect(cleanPath(cleanPath(url) ?? '')).toBeUndefined();
  });
});

describe('parseFunctionPath', () => {
  it('keeps what follows the name as it was sent', () => {
    expect(parseFunctionPath('/function/echo/a%2Fb/c?q=1?2&r', '/function/')).toEqual({
      name: 'echo',
      path: '/a%2Fb/c',
      query: 'q=1?2&r',
    });
  });

  it.each([
    '/function/echo',
    '/function/echo.openfaas-fn',
    '/function/echo.',
    '/function/ech%6f',
    'http://host/function/echo',
  ])('finds the function of %s', (url) => {
    expect(parseFunctionPath(url, '/function/')).toEqual({ name: 'echo', path: '/', query: '' });
  });

  it('knows no other namespace', () => {
    expect(() => parseFunctionPath('/function/echo.other', '/function/')).toThrow('namespace');
  });
});
