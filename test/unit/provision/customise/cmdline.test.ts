import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernelParameters, withParameters } from '../../../../provision/customise/cmdline.ts';

describe('withParameters', () => {
  it('appends what is missing and keeps the order of the rest', () => {
    expect(withParameters('console=tty1 rootwait\n', ['cgroup_memory=1'])).toBe(
      'console=tty1 rootwait cgroup_memory=1\n',
    );
  });

  it('replaces a value of the same name, so that the last flash counts', () => {
    expect(withParameters('ds=nocloud;i=old rootwait', ['ds=nocloud;i=new'])).toBe(
      'rootwait ds=nocloud;i=new\n',
    );
  });

  it('lets a parameter that may come several times stand beside others of its name', () => {
    expect(withParameters('cgroup_enable=cpuset console=tty1', ['cgroup_enable=memory'])).toBe(
      'cgroup_enable=cpuset console=tty1 cgroup_enable=memory\n',
    );
  });

  it('makes one line of several', () => {
    expect(withParameters('a=1\r\nb=2\n\n', ['c=3'])).toBe('a=1 b=2 c=3\n');
  });

  it('keeps spaces within quotes', () => {
    expect(withParameters('dyndbg="file a.c +p; file b.c +p" quiet', ['c=3'])).toBe(
      'dyndbg="file a.c +p; file b.c +p" quiet c=3\n',
    );
  });

  it('does the same when it is done twice', () => {
    const word = fc.stringMatching(/^[a-z_.]{1,8}(=[a-z0-9;,:/]{0,8})?$/);
    fc.assert(
      fc.property(
        fc.array(word),
        fc.uniqueArray(word, { selector: (one) => one.split('=')[0] }),
        (has, adds) => {
          const once = withParameters(has.join(' '), adds);
          expect(withParameters(once, adds)).toBe(once);
          expect(once.match(/\n/g)).toHaveLength(1);
        },
      ),
    );
  });
});

describe('kernelParameters', () => {
  it('turns memory control groups on, and tells the country of the Wi-Fi', () => {
    expect(kernelParameters(undefined)).toEqual(['cgroup_enable=memory', 'cgroup_memory=1']);
    expect(kernelParameters('DE')).toContain('cfg80211.ieee80211_regdom=DE');
  });
});
