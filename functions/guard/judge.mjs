const colours = {
  alarm: { red: 255, green: 0, blue: 255 },
  heat: { red: 255, green: 0, blue: 0 },
  motion: { red: 0, green: 0, blue: 255 },
  calm: { red: 0, green: 255, blue: 0 },
};

/**
 * What a reading means, given what the node's state was: `calm`, `motion`, `heat`, or `alarm` for both together. Asks
 * for a colour and an alert only when that changes. Pure.
 */
export function judge(before = {}, reading, options) {
  const state = { level: 'calm', baselines: {}, hot: {}, ...before };
  if (typeof reading.celsius === 'number') measure(state, reading, options);
  if (typeof reading.motion === 'boolean') state.motionMs = reading.motion ? reading.atMs : undefined;
  const isHot = Object.values(state.hot).some((sinceMs) => isRecent(sinceMs, reading, options));
  const isMoving = isRecent(state.motionMs, reading, options);
  const level = isHot && isMoving ? 'alarm' : isHot ? 'heat' : isMoving ? 'motion' : 'calm';
  if (level === state.level) return { state, answer: undefined };
  return { state: { ...state, level }, answer: announce(level, state, reading, options) };
}

/** Each sensor has a baseline of its own: one may hang in the cold aisle, one in the warm. */
function measure(state, { celsius, sensor, atMs }, { thresholdCelsius, baselineMs }) {
  const baseline = state.baselines[sensor];
  const isUsable = baseline !== undefined && atMs - baseline.atMs < baselineMs;
  if (!isUsable) state.baselines = { ...state.baselines, [sensor]: { celsius, atMs } };
  const offset = isUsable ? celsius - baseline.celsius : 0;
  state.celsius = celsius;
  state.offset = Math.round(offset * 100) / 100;
  state.hot = { ...state.hot, [sensor]: Math.abs(offset) > thresholdCelsius ? atMs : undefined };
}

function isRecent(sinceMs, { atMs }, { togetherMs }) {
  return sinceMs !== undefined && atMs - sinceMs < togetherMs;
}

function announce(level, { celsius, offset }, { node, atMs }, { showMs }) {
  const alert = { alert: level, node, time: new Date(atMs).toISOString(), celsius, offset };
  return {
    ...alert,
    publish: [
      {
        topic: `bramble/${node}/gauge/pixels/set`,
        payload: { view: 'solid', ...colours[level], forMs: showMs },
      },
      { topic: `bramble/${node}/alert/guard`, payload: alert, retain: true },
    ],
  };
}
