export default async (event) => {
  console.log('called with', event.method, event.path); // goes to the log: bramble logs
  return { hello: event.body };
};
