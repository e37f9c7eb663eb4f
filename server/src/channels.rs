//! The channels to the threads, and what is sent through them.

use crate::object_name::ObjectName;
use gateway::runtime::CallError;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// A job that a thread does for another one.
#[derive(Debug)]
pub enum Job {
    /// Serve a connection.
    Connection(TcpStream, SocketAddr),
    /// Call an object of the thread.
    Call {
        object: ObjectName,
        body: Vec<u8>,
        reply: oneshot::Sender<Result<Vec<u8>, CallError>>,
    },
    /// Register a listener; the reply says whether there was room.
    Listen {
        object: ObjectName,
        tag: String,
        sender: mpsc::UnboundedSender<String>,
        reply: oneshot::Sender<bool>,
    },
    /// End: accept no new request, and finish those in flight.
    Stop,
}

/// The channel to each thread.
#[derive(Clone, Debug)]
pub struct Channels(Arc<Vec<mpsc::UnboundedSender<Job>>>);

impl Channels {
    /// The channels of this many threads, and the other end of each.
    pub fn open(threads: usize) -> (Self, Vec<mpsc::UnboundedReceiver<Job>>) {
        let (channels, inboxes) = (0..threads.max(1))
            .map(|_| mpsc::unbounded_channel())
            .unzip();
        (Self(Arc::new(channels)), inboxes)
    }

    /// How many threads there are.
    pub fn count(&self) -> usize {
        self.0.len().max(1)
    }

    /// Sends a job to a thread.
    pub fn send(&self, index: usize, job: Job) {
        if let Some(channel) = self.0.get(index) {
            // A thread that has ended drops the job, which refuses its reply.
            let _ = channel.send(job);
        }
    }

    /// The thread that owns an object.
    pub fn owner(&self, object: &ObjectName) -> usize {
        let mut hasher = DefaultHasher::new();
        object.hash(&mut hasher);
        let threads = u64::try_from(self.count()).unwrap_or(1);
        usize::try_from(hasher.finish() % threads).unwrap_or_default()
    }

    /// Calls an object in its thread.
    pub async fn call(&self, object: ObjectName, body: Vec<u8>) -> Result<Vec<u8>, CallError> {
        let (reply, answer) = oneshot::channel();
        let owner = self.owner(&object);
        let job = Job::Call {
            object,
            body,
            reply,
        };
        self.send(owner, job);
        answer.await.unwrap_or(Err(CallError::NoAnswer))
    }

    /// The texts that an object sends to listeners of this tag; `None` if the tag
    /// has reached its limit.
    pub async fn listen(
        &self,
        object: ObjectName,
        tag: String,
    ) -> Option<mpsc::UnboundedReceiver<String>> {
        let (sender, texts) = mpsc::unbounded_channel();
        let (reply, is_taken) = oneshot::channel();
        let owner = self.owner(&object);
        let job = Job::Listen {
            object,
            tag,
            sender,
            reply,
        };
        self.send(owner, job);
        is_taken.await.unwrap_or(false).then_some(texts)
    }
}
