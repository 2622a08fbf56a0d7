/** When it is night, as local times of day `22:00` and `07:00`. */
export interface Night {
  readonly from: string;
  readonly to: string;
}

/** Is it night at this time of the local clock? Over midnight when `to` is not after `from`; never when they are equal. */
export function isNight(nowMs: number, { from, to }: Night): boolean {
  const now = new Date(nowMs);
  const minute = now.getHours() * 60 + now.getMinutes();
  const [start, end] = [minuteOf(from), minuteOf(to)];
  if (start === end) return false;
  return start < end ? minute >= start && minute < end : minute >= start || minute < end;
}

function minuteOf(timeOfDay: string): number {
  const [hours = 0, minutes = 0] = timeOfDay.split(':').map(Number);
  return hours * 60 + minutes;
}
