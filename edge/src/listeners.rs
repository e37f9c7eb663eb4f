//! The pages that are connected to an object: WebSockets that the runtime keeps
//! while the object hibernates, so an idle page costs nothing.
//!
//! The gateway answers a caller's upgrade with a [`Listen`]. This module passes
//! the upgrade on to the named object, which accepts it under its tag. The
//! runtime stores the tags with the sockets: they survive the object's
//! hibernation and end with the machine; then each page reconnects.

use crate::message::write_response;
use gateway::http::error::{ApiError, Code};
use gateway::runtime::{Body, LOOK, Listen, MOST_LISTENERS, PING, PONG};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use worker::{
    Env, Headers, Request, RequestInit, Response, Result, State, WebSocketPair,
    WebSocketRequestResponsePair, web_sys,
};

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    /// `DurableObjectState`: the `worker` crate's own calls panic where these
    /// return an error.
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

/// Connects the caller to the object.
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

/// The tag in a request that [`connect`] has sent.
pub fn asked_for(request: &web_sys::Request) -> Result<String> {
    let tag = request.headers().get(TAG)?;
    tag.ok_or_else(|| "a page is connected under a tag".into())
}

/// The listeners of one object.
#[derive(Clone)]
pub struct Listeners {
    state: Rc<State>,
    object: ObjectState,
}

impl Listeners {
    /// The listeners of this object, including those from before its
    /// hibernation.
    pub fn of(state: State) -> Self {
        let object = state._inner();
        Self {
            object: object.clone().unchecked_into(),
            state: Rc::new(State::from(object)),
        }
    }

    /// Adds a listener and sends it `look` at once, because it missed the
    /// changes during its handshake.
    pub fn take(&self, tag: &str) -> Result<web_sys::Response> {
        let refused =
            || write_response(ApiError::of(Code::TooManyPages).response().map(Body::Whole));
        if self.state.get_websockets_with_tag(tag).len() >= MOST_LISTENERS {
            return refused();
        }
        let pong = WebSocketRequestResponsePair::new(PING, PONG);
        self.state
            .set_websocket_auto_response(&pong.map_err(worker::Error::from)?);
        let WebSocketPair { client, server } = WebSocketPair::new()?;
        // The object has a limit of its own, too.
        if self
            .object
            .accept(server.as_ref(), vec![tag.to_owned()])
            .is_err()
        {
            return refused();
        }
        server.send_with_str(LOOK)?;
        Ok(Response::from_websocket(client)?.into())
    }

    /// Sends a message to all listeners of a tag. The runtime sends it when
    /// everything written before is on disk: like an answer, a WebSocket
    /// message waits for the object's output gate (`WebSocket::send` in
    /// workerd's `web-socket.c++`).
    pub fn send(&self, tag: &str, text: &str) {
        for socket in self.state.get_websockets_with_tag(tag) {
            // A closing socket needs no message.
            let _ = socket.send_with_str(text);
        }
    }
}
