import { Document, visit } from 'yaml';

/**
 * YAML for cloud-init and netplan, which read version 1.1: there `NO`, `on` and `0700` are no text unless they are quoted.
 * Lines are not folded, so that keys and hashes can be found again.
 */
export function renderYaml(value: unknown): string {
  const document = new Document(value, { version: '1.1', aliasDuplicateObjects: false });
  visit(document, {
    // `=` and `<<` mean something to other readers, which the library does not know of.
    Scalar(_key, node) {
      if (typeof node.value === 'string' && /^\W+$/.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  // Without the directive that names the version: cloud-init wants its own mark in the first line.
  document.directives = undefined;
  return document.toString({ lineWidth: 0 });
}
