/** How a node comes by its address. */
export type Addressing =
  | { readonly kind: 'dhcp' }
  | {
      readonly kind: 'static';
      /** With the length of its prefix: `192.168.1.21/24`. */
      readonly address: string;
      readonly gateway: string;
      readonly dns: readonly string[];
    };
