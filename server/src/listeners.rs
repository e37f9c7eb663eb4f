//! The listeners of an object: pages that wait on a WebSocket.

use futures_util::{SinkExt, StreamExt};
use gateway::runtime::{LOOK, MOST_LISTENERS, PING, PONG};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{
    CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode,
};
use tokio_tungstenite::tungstenite::{Error, Message};

/// The size of each listener's buffer for what is read. A listener sends only `ping`, so
/// the library's usual 128 KiB for each would be wasted.
const READ_BYTES: usize = 1024;
/// The longest message that is read. A listener sends only `ping`; a longer
/// message is read so that its sender can read why the socket is closed.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// The listeners of one object, by tag.
#[derive(Debug, Default)]
pub struct Listeners(HashMap<String, Vec<mpsc::UnboundedSender<String>>>);

impl Listeners {
    /// Adds a listener; `false` if the tag has reached its limit.
    pub fn add(&mut self, tag: &str, sender: mpsc::UnboundedSender<String>) -> bool {
        let senders = self.0.entry(tag.to_owned()).or_default();
        senders.retain(|sender| !sender.is_closed());
        if senders.len() >= MOST_LISTENERS {
            return false;
        }
        senders.push(sender);
        true
    }

    /// Sends a text to every listener of the tag.
    pub fn send(&mut self, tag: &str, text: &str) {
        if let Some(senders) = self.0.get_mut(tag) {
            senders.retain(|sender| sender.send(text.to_owned()).is_ok());
            if senders.is_empty() {
                self.0.remove(tag);
            }
        }
    }
}

/// Serves one listener's socket until it closes.
pub async fn serve(upgraded: Upgraded, mut texts: mpsc::UnboundedReceiver<String>) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let mut socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    // The listener missed the changes during its handshake.
    if socket.send(Message::text(LOOK)).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            text = texts.recv() => match text {
                Some(text) => {
                    if socket.send(Message::text(text)).await.is_err() {
                        return;
                    }
                }
                None => return,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) if text.as_str() == PING => {
                    if socket.send(Message::text(PONG)).await.is_err() {
                        return;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Text(_) | Message::Binary(_)) | Err(Error::Capacity(_))) => {
                    let frame = CloseFrame {
                        code: CloseCode::Policy,
                        reason: "listeners only listen".into(),
                    };
                    let _ = socket.close(Some(frame)).await;
                    return;
                }
                _ => return,
            },
        }
    }
}
