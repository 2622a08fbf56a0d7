export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/** The events in the lines of a `text/event-stream`: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export async function* readServerSentEvents(lines: AsyncIterable<string>): AsyncIterable<ServerSentEvent> {
  let event = '';
  let data: string[] = [];
  for await (const line of lines) {
    if (line === '') {
      if (data.length > 0) yield { event: event || 'message', data: data.join('\n') };
      event = '';
      data = [];
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? []; // a comment has no field name
    if (field === 'data') data.push(value);
    if (field === 'event') event = value;
  }
}
