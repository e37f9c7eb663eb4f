// Sends a GET request to the address in the body; answers 200, or 502 where it was not reached.
export default {
  async fetch(request) {
    try {
      await fetch(await request.text());
      return new Response("reached");
    } catch (error) {
      return new Response(String(error), { status: 502 });
    }
  },
};
