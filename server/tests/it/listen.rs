//! `weceive listen`: every event reaches the local program, in order, also when
//! one of the two ends in between.

use crate::shop::{Shop, text};
use crate::system::{Running, ask, wait_for, weceive};
use serde_json::Value;
use standardwebhooks::Webhook;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// A request that the local program received.
#[derive(Clone)]
struct Received {
    headers: ureq::http::HeaderMap,
    body: String,
}

impl Received {
    fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn id(&self) -> String {
        let id = self.headers["webhook-id"].to_str().unwrap().to_owned();
        assert_eq!(self.event()["id"], id.as_str());
        id
    }
}

/// How the local program answers a request; 200 when nothing is planned.
#[derive(Clone, Copy)]
enum Plan {
    Status(u16),
    /// The connection stays open without an answer.
    Silence,
}

/// A local program that keeps what it receives.
#[derive(Clone, Default)]
struct Program {
    received: Arc<Mutex<Vec<Received>>>,
    plans: Arc<Mutex<VecDeque<Plan>>>,
}

impl Program {
    /// Starts it; returns its address too.
    fn start() -> (Self, String) {
        let program = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let serving = program.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let program = serving.clone();
                std::thread::spawn(move || program.serve(connection));
            }
        });
        (program, url)
    }

    fn serve(&self, connection: TcpStream) -> Option<()> {
        let mut connection = BufReader::new(connection);
        loop {
            let mut headers = ureq::http::HeaderMap::new();
            let mut line = String::new();
            connection.read_line(&mut line).ok()?;
            assert_eq!(line, "POST /events HTTP/1.1\r\n");
            loop {
                line.clear();
                connection.read_line(&mut line).ok()?;
                let Some((name, value)) = line.trim().split_once(": ") else {
                    break;
                };
                let name: ureq::http::HeaderName = name.parse().unwrap();
                headers.insert(name, value.parse().unwrap());
            }
            let length = headers["content-length"].to_str().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            connection.read_exact(&mut body).ok()?;
            let plan = self.plans.lock().unwrap().pop_front();
            self.received.lock().unwrap().push(Received {
                headers,
                body: text(&body),
            });
            let status = match plan {
                None => 200,
                Some(Plan::Status(status)) => status,
                Some(Plan::Silence) => loop {
                    std::thread::park();
                },
            };
            let answer = format!("HTTP/1.1 {status} As planned\r\ncontent-length: 2\r\n\r\nok");
            connection.get_mut().write_all(answer.as_bytes()).ok()?;
        }
    }

    fn plan(&self, plan: Plan) {
        self.plans.lock().unwrap().push_back(plan);
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    fn ids(&self) -> Vec<String> {
        self.received().iter().map(Received::id).collect()
    }

    /// Waits until this many requests have arrived.
    #[track_caller]
    fn waits_for(&self, count: usize) {
        wait_for(|| (self.received().len() >= count).then_some(()));
    }
}

/// Runs `weceive listen`; returns the printed secret too.
fn listen(shop: &Shop, to: &str, more: &[&str]) -> (Running, String) {
    let mut child = weceive()
        .args(["listen", "--to", to])
        .args(more)
        .env("WECEIVE_PROFILES", shop.directory.join("profiles.toml"))
        .env_remove("WECEIVE_URL")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let secret = said
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| Some(line[line.find("whsec_")?..].to_owned()));
    // Read on, so that the program is not held up by a full pipe.
    std::thread::spawn(move || said.for_each(drop));
    (Running(child), secret.expect("a secret"))
}

fn interrupt(mut running: Running) {
    let pid = running.0.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.unwrap().success());
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

/// The ids of all events, oldest first.
fn all(shop: &Shop) -> Vec<String> {
    let (key, secret) = shop.keys();
    let keys = [("api-key", key.as_str()), ("api-secret", secret.as_str())];
    let url = format!("{}/v1/events?limit=100", shop.url);
    let answer = ask("GET", &url, &keys, "").unwrap();
    let events = answer["data"]["events"].as_array().unwrap();
    let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
    events.iter().map(id).collect()
}

#[test]
fn events_reach_a_local_program_in_order_and_none_is_lost_between_two_runs() {
    let shop = Shop::open("listen");
    let (program, url) = Program::start();
    shop.order("L1");
    shop.pay("L1");
    shop.order("L2");
    shop.text(&["orders", "close", "L2"]);
    let before = all(&shop);
    assert_eq!(before.len(), 2);

    // A refused event is sent again before the next one.
    program.plan(Plan::Status(500));
    let (running, secret) = listen(&shop, &url, &[]);
    program.waits_for(3);
    let expected = [&before[0], &before[0], &before[1]];
    assert_eq!(program.ids().iter().collect::<Vec<_>>(), expected);
    let webhook = Webhook::new(&secret).unwrap();
    for received in program.received() {
        let body = received.body.as_bytes();
        webhook.verify(body, &received.headers).unwrap();
        assert!(webhook.verify(b"{}", &received.headers).is_err());
    }
    assert_eq!(program.received()[0].event()["type"], "order.paid");
    assert_eq!(program.received()[2].event()["subject"], "L2");

    // An event that happens during a run arrives in that run.
    shop.order("L3");
    shop.pay("L3");
    program.waits_for(4);
    interrupt(running);

    // An event between two runs arrives in the next one, and the earlier ones do
    // not arrive again, except one whose acknowledgement was not stored.
    shop.order("L4");
    shop.pay("L4");
    let (running, again) = listen(&shop, &url, &[]);
    assert_eq!(again, secret, "the secret is fixed");
    let newest = all(&shop)[3].clone();
    wait_for(|| program.ids().contains(&newest).then_some(()));
    let mut ids = program.ids();
    ids.dedup();
    assert_eq!(ids, all(&shop));
    assert!(program.received().len() <= 6);

    // Killed while the program is still working on an event: it arrives again.
    let count = program.received().len();
    program.plan(Plan::Silence);
    shop.order("L5");
    shop.pay("L5");
    program.waits_for(count + 1);
    drop(running);
    let (running, _) = listen(&shop, &url, &[]);
    program.waits_for(count + 2);
    let ids = program.ids();
    assert_eq!(ids[count], all(&shop)[4]);
    assert_eq!(ids[count + 1], all(&shop)[4]);

    // A second run with the same state would skip what the first one passes on.
    let second = ["listen", "--to", url.as_str()];
    let (code, said) = shop.refused(&second);
    assert_eq!((code, said.contains("--state")), (1, true), "{said}");
    interrupt(running);
}

#[test]
fn a_run_can_begin_after_the_newest_event_and_says_when_its_place_is_gone() {
    let shop = Shop::open("listen-skip");
    let (program, url) = Program::start();
    shop.order("S1");
    shop.pay("S1");
    let state = shop.directory.join("state.json");
    let state_text = state.to_str().unwrap();
    let (running, _) = listen(&shop, &url, &["--skip", "--state", state_text]);
    let newest = all(&shop)[0].clone();
    wait_for(|| {
        let stored = std::fs::read_to_string(&state).unwrap();
        stored.contains(&newest).then_some(())
    });
    shop.order("S2");
    shop.pay("S2");
    program.waits_for(1);
    assert_eq!(program.received()[0].event()["subject"], "S2");
    interrupt(running);

    let stored = std::fs::read_to_string(&state).unwrap();
    let mut stored: Value = serde_json::from_str(&stored).unwrap();
    stored["after"] = "evt_1_AAAAAAAAAA".into();
    std::fs::write(&state, stored.to_string()).unwrap();
    let again = ["listen", "--to", &url, "--state", state_text];
    let (code, said) = shop.refused(&again);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("CURSOR_INVALID") && said.contains("delete this file"),
        "{said}"
    );

    stored["url"] = "https://pay.example.com".into();
    std::fs::write(&state, stored.to_string()).unwrap();
    let (code, said) = shop.refused(&again);
    assert_eq!(
        (code, said.contains("https://pay.example.com")),
        (1, true),
        "{said}"
    );
    std::fs::write(&state, "{").unwrap();
    let (code, said) = shop.refused(&again);
    assert_eq!((code, said.contains("damaged")), (1, true), "{said}");
    for wrong in ["127.0.0.1:3000", "ftp://127.0.0.1/", "/events"] {
        let (code, said) = shop.refused(&["listen", "--to", wrong]);
        assert_eq!(code, 1, "{wrong}: {said}");
    }
}
