// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are what is tested
import { describe, expect, it } from 'vitest';
import { substitute } from '../../../src/functions/substitute.ts';

describe('variables in a file', () => {
  it.each([
    ['${NAME}', 'pi'],
    ['a${NAME}b', 'apib'],
    ['${MISSING}', ''],
    ['${MISSING:-x y}', 'x y'],
    ['${EMPTY:-x}', 'x'],
    ['${EMPTY-x}', ''],
    ['${NAME:-x}', 'pi'],
    ['$$HOME and $${NAME}', '$HOME and ${NAME}'],
    ['$NAME ${1} ${', '$NAME ${1} ${'],
  ])('%s becomes %s', (text, result) => {
    expect(substitute(text, { NAME: 'pi', EMPTY: '' })).toBe(result);
  });
});
