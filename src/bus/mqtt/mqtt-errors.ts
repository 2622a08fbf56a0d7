import { ReasonCodes } from 'mqtt';
import { BrambleError, messageOf, systemCode } from '../../support/errors.ts';

/** Reason codes of CONNACK and DISCONNECT (MQTT 5, section 2.4), and the return codes of 3.1.1 below 128. */
const unsupportedVersion = [1, 132];
const badClientId = [2, 133];
const notAuthorized = [4, 5, 134, 135];
const notNow = [0, 3, 136, 137, 139, 151, 159];
const takenOver = 142;

/** PUBACK reason codes that another attempt can get around: unspecified, implementation specific, quota exceeded. */
const passingTrouble = [128, 131, 151];

/** An MQTT 5 broker says why it ends a connection. */
export function goodbyeError(reasonCode: number): Error {
  const texts: Readonly<Record<number, string>> = ReasonCodes;
  return Object.assign(new Error(texts[reasonCode] || 'it said goodbye'), { code: reasonCode });
}

/** Did the broker refuse the connection because of its MQTT version? */
export function isVersionRefused(thrown: unknown): boolean {
  return unsupportedVersion.includes(reasonCode(thrown) ?? 0);
}

/** Why a connection could not be made or broke, and what to do. */
export function connectionError(
  thrown: unknown,
  { broker, clientId, username }: { broker: string; clientId: string; username: string | undefined },
): BrambleError {
  if (thrown instanceof BrambleError) return thrown;
  const refused = (what: string) => new BrambleError('BUS_REFUSED', `${broker} ${what}`, { cause: thrown });
  const offline = (what: string) => new BrambleError('BUS_OFFLINE', what, { cause: thrown });
  const code = reasonCode(thrown);
  if (code !== undefined) {
    if (unsupportedVersion.includes(code))
      return refused('does not speak this MQTT version: set mqtt.protocol to auto');
    if (badClientId.includes(code))
      return refused(`refuses the client id ${clientId}: give the node another name`);
    if (notAuthorized.includes(code))
      return refused(
        `refuses ${username === undefined ? 'clients without a user name' : `user ${username}`}: ` +
          'check mqtt.username, mqtt.password and the access list of the broker',
      );
    if (code === takenOver)
      return offline(
        `another client took over our name ${clientId} at ${broker}: do two nodes have the same name?`,
      );
    if (notNow.includes(code)) return offline(`${broker} takes no connections now (${messageOf(thrown)})`);
    return refused(`refuses the connection: ${messageOf(thrown)}`);
  }
  const system = systemCode(thrown);
  if (system !== undefined && /CERT|SIGNATURE|^ERR_TLS|^ERR_SSL|ISSUER/.test(system))
    return refused(
      `cannot be trusted (${system}): set mqtt.caFile to the authority that signed its certificate`,
    );
  const detail = system ?? messageOf(thrown);
  return offline(`no connection to ${broker} (${detail}): is the broker up, and are host and port right?`);
}

/** Why the broker did not take a message. */
export function publishError(thrown: unknown, topic: string): BrambleError {
  if (thrown instanceof BrambleError) return thrown;
  const code = reasonCode(thrown);
  if (code === undefined)
    return new BrambleError('BUS_OFFLINE', `cannot publish to ${topic}: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  return new BrambleError(
    passingTrouble.includes(code) ? 'BUSY' : 'BUS_REFUSED',
    `the broker did not take a message to ${topic}: ${messageOf(thrown)}`,
    { cause: thrown },
  );
}

function reasonCode(thrown: unknown): number | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number'
    ? thrown.code
    : undefined;
}
