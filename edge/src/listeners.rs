//! Those who listen to an object: WebSockets that the runtime keeps while the
//! object itself is away, so that an idle page costs nothing.
//!
//! A caller's upgrade is answered by the gateway with a [`Listen`], passed on
//! to the object that it names, and accepted there under its tag. The tags are
//! kept by the runtime, with the sockets: they survive the object's
//! hibernation, and end with the machine, after which each page connects
//! anew.

use crate::message::write_response;
use gateway::http::error::{ApiError, Code};
use gateway::runtime::{Body, LOOK, Listen, MOST_LISTENERS, PING, PONG};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use worker::{
    Env, Headers, Request, RequestInit, Response, Result, State, WebSocketPair,
    WebSocketRequestResponsePair,
};

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    /// `DurableObjectState`: `worker`'s own calls panic where these fail.
    type ObjectState;

    #[wasm_bindgen(method, catch, js_name = acceptWebSocket)]
    fn accept(
        this: &ObjectState,
        socket: &JsValue,
        tags: Vec<String>,
    ) -> std::result::Result<(), JsValue>;
}

/// The header that carries the tag from the gateway to the object.
const TAG: &str = "x-tag";

/// Connects the caller with the object.
pub async fn connect(env: &Env, listen: &Listen) -> Result<Response> {
    let book = env.durable_object("BOOK")?.get_by_name(&listen.book)?;
    let headers = Headers::new();
    headers.set("upgrade", "websocket")?;
    headers.set(TAG, &listen.tag)?;
    let mut init = RequestInit::new();
    init.with_headers(headers);
    let request = Request::new_with_init("https://object.invalid/", &init)?;
    book.fetch_with_request(request).await
}

/// The tag, of a request that [`connect`] has sent.
pub fn asked_for(request: &Request) -> Result<Option<String>> {
    request.headers().get(TAG)
}

/// One object's listeners.
#[derive(Clone)]
pub struct Listeners {
    state: Rc<State>,
    object: ObjectState,
}

impl Listeners {
    /// The listeners of this object, those of its life before included.
    pub fn of(state: State) -> Self {
        let object = state._inner();
        Self {
            object: object.clone().unchecked_into(),
            state: Rc::new(State::from(object)),
        }
    }

    /// Adds one. It is sent `look` at once: a change that happened while it
    /// was on its way here, it would have missed.
    pub fn take(&self, tag: &str) -> Result<Response> {
        let refused =
            || write_response(ApiError::of(Code::TooManyPages).response().map(Body::Whole));
        if self.state.get_websockets_with_tag(tag).len() >= MOST_LISTENERS {
            return refused();
        }
        let pong = WebSocketRequestResponsePair::new(PING, PONG);
        self.state
            .set_websocket_auto_response(&pong.map_err(worker::Error::from)?);
        let WebSocketPair { client, server } = WebSocketPair::new()?;
        // There is a limit of the object's own, too.
        if self
            .object
            .accept(server.as_ref(), vec![tag.to_owned()])
            .is_err()
        {
            return refused();
        }
        server.send_with_str(LOOK)?;
        Response::from_websocket(client)
    }

    /// Tells all that listen to this. The runtime sends it once what was written
    /// before is on disk: like an answer, a word over a WebSocket waits for the
    /// object's output gate (`WebSocket::send` in workerd's `web-socket.c++`).
    pub fn tell(&self, tag: &str, text: &str) {
        for socket in self.state.get_websockets_with_tag(tag) {
            // One that is closing needs no word.
            let _ = socket.send_with_str(text);
        }
    }
}
