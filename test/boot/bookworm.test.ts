import { firstBootContract } from '../contract/first-boot-contract.ts';

// Its own program makes host keys, then our script makes it the node; it restarts after each.
firstBootContract('bookworm', { starts: 3, hasCloudInit: false });
