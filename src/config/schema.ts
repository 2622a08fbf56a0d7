import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false } as const;
const Bcm = Type.Integer({
  minimum: 0,
  maximum: 27,
  description: 'BCM number of a pin on the 40-pin header',
});
const Milliseconds = (defaultMs: number, description: string, minimum = 1) =>
  Type.Integer({ minimum, maximum: 86_400_000, default: defaultMs, description });
const Brightness = (value: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 31, default: value, description });
/** Marks a value that logs and `--print-config` hide. */
const Secret = (description: string) => Type.String({ description, secret: true, minLength: 1 });
const Section = <Properties extends Parameters<typeof Type.Object>[0]>(
  properties: Properties,
  description: string,
) => Type.Object(properties, { ...strict, default: {}, description });

/**
 * Everything that can be configured: type, defaults, checks and `docs/CONFIG.md` come from here.
 * Precedence: defaults < file < environment (`BRAMBLE_MOTION__DEBOUNCE_MS=20` sets `motion.debounceMs`) < flags.
 */
export const ConfigSchema = Type.Object(
  {
    node: Section(
      {
        name: Type.Optional(
          Type.String({
            pattern: '^(?!all$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
            description: 'name of this node in topics; its host name unless told',
          }),
        ),
      },
      'Who this node is',
    ),
    roles: Type.Array(Type.Enum(['sense', 'show', 'serve', 'control']), {
      default: ['sense', 'show', 'serve', 'control'],
      uniqueItems: true,
      description: 'which sets of services run here',
    }),
    dataDir: Type.String({
      default: 'data',
      minLength: 1,
      description: 'folder for events, functions and secrets',
    }),
    mqtt: Section(
      {
        url: Type.String({
          default: 'embedded',
          pattern: '^(embedded|mqtts?://.+)$',
          description: '`embedded`, or the broker: mqtt://host:1883, mqtts://host:8883',
        }),
        username: Type.Optional(Type.String()),
        password: Type.Optional(Secret('password for the broker')),
        passwordFile: Type.Optional(Type.String({ description: 'file with the password' })),
        caFile: Type.Optional(
          Type.String({ description: 'PEM file with the authority that signed the broker’s certificate' }),
        ),
        protocol: Type.Enum(['auto', '5', '3.1.1'], {
          default: 'auto',
          description: 'MQTT version; auto tries 5 first',
        }),
        listen: Section(
          {
            host: Type.String({ default: '127.0.0.1' }),
            port: Type.Integer({ minimum: 0, maximum: 65_535, default: 1883 }),
          },
          'Where the embedded broker listens. Beyond loopback it asks for the gateway’s user and password',
        ),
      },
      'The MQTT broker',
    ),
    gateway: Section(
      {
        host: Type.String({ default: '127.0.0.1' }),
        port: Type.Integer({ minimum: 0, maximum: 65_535, default: 8080 }),
        user: Type.String({ default: 'admin', minLength: 1, pattern: '^[^:]+$' }),
        password: Type.Optional(Secret('password for /system; made and kept in the data folder unless told')),
        passwordFile: Type.Optional(Type.String()),
        maxBodyBytes: Type.Integer({ minimum: 1024, maximum: 1_073_741_824, default: 10_485_760 }),
      },
      'The HTTP gateway',
    ),
    hardware: Section(
      {
        kind: Type.Enum(['simulated', 'sysfs'], { default: 'sysfs', description: '`simulated` needs no Pi' }),
        sysfsRoot: Type.String({ default: '/sys', description: 'where sensors’ files are found' }),
        procRoot: Type.String({ default: '/proc', description: 'where load figures are found' }),
        gpioBase: Type.Optional(
          Type.Integer({
            minimum: 0,
            description: 'sysfs number of BCM 0; found by the chip’s label unless told',
          }),
        ),
      },
      'Pins and sensors',
    ),
    motion: Section(
      {
        enabled: Type.Boolean({ default: true }),
        sensor: Type.String({
          default: 'pir',
          pattern: '^[a-z0-9][-a-z0-9]{0,62}$',
          description: 'its name in topics',
        }),
        gpio: Type.Integer({ ...Bcm, default: 17 }),
        activeLow: Type.Boolean({ default: false }),
        warmUpMs: Milliseconds(60_000, 'a PIR is not to be trusted so long after power-up', 0),
        debounceMs: Milliseconds(50, 'a level must hold so long to count', 0),
        holdMs: Milliseconds(90_000, 'motion is cleared so long after the last sign of it', 0),
        resyncMs: Milliseconds(30_000, 'the level is read so often, should an edge be lost', 100),
      },
      'The PIR motion sensor',
    ),
    climate: Section(
      {
        enabled: Type.Boolean({ default: true }),
        intervalMs: Milliseconds(10_000, 'each sensor is read so often', 100),
        maxSilenceMs: Milliseconds(60_000, 'an unchanged value is repeated so often', 100),
        deadBandCelsius: Type.Number({ minimum: 0, maximum: 10, default: 0.2 }),
        deadBandPercent: Type.Number({ minimum: 0, maximum: 50, default: 1 }),
        deadBandHectopascals: Type.Number({ minimum: 0, maximum: 50, default: 0.5 }),
        failuresUntilOffline: Type.Integer({ minimum: 1, maximum: 100, default: 3 }),
      },
      'Temperature, humidity and pressure sensors, found by themselves',
    ),
    gauge: Section(
      {
        enabled: Type.Boolean({ default: true }),
        view: Type.Enum(['cluster', 'nodes', 'node', 'solid'], { default: 'cluster' }),
        dataGpio: Type.Integer({ ...Bcm, default: 23 }),
        clockGpio: Type.Integer({ ...Bcm, default: 24 }),
        brightness: Brightness(3, 'by day, 0 to 31'),
        nightBrightness: Brightness(1, 'by night'),
        nightFrom: Type.Optional(
          Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'local time, 22:00' }),
        ),
        nightTo: Type.Optional(
          Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'local time, 07:00' }),
        ),
        sampleMs: Milliseconds(1_000, 'load is sampled so often', 100),
        publishMs: Milliseconds(2_000, 'load is published at most so often', 100),
        staleMs: Milliseconds(10_000, 'a node silent for so long counts as missing', 500),
        smoothing: Type.Number({
          exclusiveMinimum: 0,
          maximum: 1,
          default: 0.4,
          description: 'weight of the newest sample; 1 is none',
        }),
      },
      'Load gauge on the Blinkt!',
    ),
    functions: Section(
      {
        runtime: Type.Enum(['process', 'swarm'], {
          default: 'process',
          description: 'local processes, or services of a Docker Swarm',
        }),
        network: Type.Optional(
          Type.String({
            minLength: 1,
            description: 'Swarm network of functions; the one labelled openfaas=true unless told',
          }),
        ),
        logBytes: Type.Integer({
          minimum: 4096,
          maximum: 104_857_600,
          default: 1_048_576,
          description: 'kept per function',
        }),
        maxAnswerBytes: Type.Integer({ minimum: 1024, maximum: 1_073_741_824, default: 10_485_760 }),
        stack: Type.Optional(
          Type.String({ description: 'a stack.yml whose functions are deployed at start' }),
        ),
      },
      'Functions',
    ),
    control: Section(
      {
        url: Type.String({
          default: 'http://tasks.bramble_control:8080',
          pattern: '^https?://.+$',
          description: 'where managers answer; every address behind the name is tried',
        }),
        dockerSocket: Type.String({ default: '/var/run/docker.sock', minLength: 1 }),
      },
      'Managers of a Swarm: only with `functions.runtime: swarm`',
    ),
    delivery: Section(
      {
        dedupeMs: Milliseconds(600_000, 'an event id seen within this time is a duplicate', 0),
        maxDeadLetters: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 10_000 }),
        maxOutbox: Type.Integer({ minimum: 1, maximum: 10_000_000, default: 100_000 }),
        receiptTimeoutMs: Milliseconds(30_000, 'an event without receipt is published again', 100),
      },
      'Events on their way',
    ),
    homeAssistant: Section(
      {
        enabled: Type.Boolean({ default: true }),
        prefix: Type.String({ default: 'homeassistant', minLength: 1, pattern: '^[^+#]+$' }),
      },
      'MQTT discovery for Home Assistant, openHAB and Domoticz',
    ),
    log: Section(
      { level: Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], { default: 'info' }) },
      'Log lines on standard error',
    ),
  },
  { ...strict, $id: 'bramble-config', title: 'Configuration of a Bramble agent' },
);

export type Config = Static<typeof ConfigSchema>;
export type Role = Config['roles'][number];
