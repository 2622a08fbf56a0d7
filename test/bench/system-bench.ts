import type { Bench } from './rows.ts';
import { acceptBench } from './system/accept.ts';
import { eventsBench } from './system/events.ts';
import { httpBench } from './system/http.ts';
import { startBench } from './system/start.ts';

/** The built program, driven from outside as its users do. */
export const systemBenches: readonly Bench[] = [startBench, eventsBench, httpBench, acceptBench];
