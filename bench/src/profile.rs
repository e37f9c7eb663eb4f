//! Where the Worker's time goes, by name of function: V8's sampling profiler, over the inspector of `workerd`.

use std::{
    collections::HashMap,
    fs,
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};
use testkit::{Failure, Result, http::text, workerd::free_ports};
use tungstenite::{Message, WebSocket, client::client};
use xtask::{part::Part, wasm::function_names};

use super::{load, stub::Stub, subject::Subject, table::Table};

/// How many functions are shown.
const SHOWN: usize = 60;
/// The time between two samples, in microseconds.
const APART: u32 = 200;

/// Makes orders of v2 for a time and shows the functions that took it. The time is that of the clock, while the
/// thread was not idle: on a busy machine compare the shares.
///
/// # Errors
///
/// The Worker or its inspector does not answer.
pub fn run(stub: &Stub, connections: usize, warm_up: Duration, lasting: Duration) -> Result<Table> {
    let [port] = free_ports()?;
    let running = Subject::WorkerV2.start_with(stub, Some(port))?;
    running.orders(connections, warm_up)?;
    let mut inspector = Inspector::of(port)?;
    inspector.call("Profiler.enable", json!({}))?;
    inspector.call("Profiler.setSamplingInterval", json!({"interval": APART}))?;
    inspector.call("Profiler.start", json!({}))?;
    let orders = running.orders(connections, lasting)?.count;
    let profile = inspector.call("Profiler.stop", json!({}))?;
    let module = fs::read(Part::Edge.beside("named.wasm")?);
    let names = module.ok().and_then(|module| function_names(&module));
    Ok(table(
        &times(&profile, &names.unwrap_or_default()),
        orders.max(1),
    ))
}

/// Microseconds by function. A function of the module has its name from the module with names.
fn times(profile: &Value, names: &HashMap<usize, String>) -> HashMap<String, u64> {
    let list = |pointer: &str| profile.pointer(pointer).and_then(Value::as_array);
    let nodes = list("/profile/nodes").into_iter().flatten();
    let functions: HashMap<u64, String> = nodes
        .filter_map(|node| {
            let name = node.pointer("/callFrame/functionName")?.as_str()?;
            let index = name.strip_prefix("wasm-function[");
            let index = index.and_then(|rest| rest.strip_suffix(']')?.parse().ok());
            let name = index
                .and_then(|index: usize| names.get(&index).map(String::as_str))
                .unwrap_or(name);
            Some((node.get("id")?.as_u64()?, name.to_owned()))
        })
        .collect();
    let samples = list("/profile/samples").into_iter().flatten();
    let apart = list("/profile/timeDeltas").into_iter().flatten();
    let mut times = HashMap::new();
    for (node, time) in samples.zip(apart) {
        let name = node.as_u64().and_then(|node| functions.get(&node));
        if let (Some(name), Some(time)) = (name, time.as_u64())
            && name != "(idle)"
        {
            *times.entry(name.clone()).or_default() += time;
        }
    }
    times
}

fn table(times: &HashMap<String, u64>, orders: usize) -> Table {
    let mut table = Table::new(["function", "µs an order", "share"]);
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let all = times.values().sum::<u64>().max(1) as f64;
    let mut longest: Vec<_> = times.iter().collect();
    longest.sort_by(|(a, one), (b, other)| other.cmp(one).then(a.cmp(b)));
    for (name, time) in longest.into_iter().take(SHOWN) {
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let (time, orders) = (*time as f64, orders as f64);
        let name: String = match name.as_str() {
            "" => "(without a name)".to_owned(),
            name => name.chars().take(100).collect(),
        };
        table.row([
            name,
            format!("{:.1}", time / orders),
            format!("{:.1} %", time / all * 100.0),
        ]);
    }
    table
}

/// A connection to the inspector of the only Worker.
struct Inspector {
    socket: WebSocket<TcpStream>,
    last: u64,
}

impl Inspector {
    fn of(port: u16) -> Result<Self> {
        let targets = load::once(port, &load::request("GET /json", &[], ""))?;
        let targets: Value = serde_json::from_slice(&targets).map_err(|error| failed(&error))?;
        let address = text(&targets, "/0/webSocketDebuggerUrl");
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let stream = stream.map_err(|error| failed(&error))?;
        let (socket, _) = client(address, stream).map_err(|error| failed(&error))?;
        Ok(Self { socket, last: 0 })
    }

    fn call(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.last += 1;
        let call = json!({"id": self.last, "method": method, "params": parameters});
        self.socket
            .send(Message::text(call.to_string()))
            .map_err(|error| failed(&error))?;
        loop {
            let message = self.socket.read().map_err(|error| failed(&error))?;
            let Ok(answer) = serde_json::from_slice::<Value>(&message.into_data()) else {
                continue;
            };
            if answer.get("id").and_then(Value::as_u64) == Some(self.last) {
                return match answer.get("error") {
                    Some(error) => Err(failed(error)),
                    None => Ok(answer.get("result").cloned().unwrap_or_default()),
                };
            }
        }
    }
}

fn failed(said: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        "profile the Worker",
        said,
        "see target/xtask/bench/workerd.log",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_function_is_the_sum_of_its_samples_under_its_name() {
        let node = |id: u64, name: &str| json!({"id": id, "callFrame": {"functionName": name}});
        let profile = json!({"profile": {
            "nodes": [node(1, "(idle)"), node(2, "exec"), node(3, "wasm-function[7]"), node(4, "exec")],
            "samples": [1, 2, 3, 4, 2],
            "timeDeltas": [900, 10, 20, 30, 40],
        }});
        let names = HashMap::from([(7, "gateway::order".to_owned())]);
        let times = times(&profile, &names);
        let expected = [("exec".to_owned(), 80), ("gateway::order".to_owned(), 20)];
        assert_eq!(times, HashMap::from(expected));
    }
}
