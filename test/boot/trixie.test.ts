import { firstBootContract } from '../contract/first-boot-contract.ts';

firstBootContract('trixie', { starts: 1, hasCloudInit: true });
