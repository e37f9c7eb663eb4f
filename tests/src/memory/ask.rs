//! What a test reads from the objects' databases, the sandbox, the operator's
//! endpoints and the board.

use super::system::Memory;
use gateway::reports;
use gateway::runtime::{Object, Runtime};
use memory_runtime::storage::Disk;
use memory_runtime::{ADMIN_TOKEN, GATEWAY};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value as Json;
use std::rc::Rc;

impl Memory {
    /// Everything that the gateway has stored, as text, to assert what it must
    /// not contain.
    pub fn stored_text(&self) -> String {
        self.stored_text_but(&[])
    }

    /// The same without these tables.
    pub fn stored_text_but(&self, left_out: &[&str]) -> String {
        let inner = self.0.borrow();
        let mut text = String::new();
        for disk in inner.disks.values() {
            let database = disk.connection();
            let tables: Vec<String> = database
                .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
                .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
                .expect("tables");
            for table in tables {
                if left_out.contains(&table.as_str()) {
                    continue;
                }
                let mut statement = database
                    .prepare(&format!("SELECT * FROM {table}"))
                    .expect("a table");
                let columns = statement.column_count();
                let mut rows = statement.query([]).expect("rows");
                while let Some(row) = rows.next().expect("a row") {
                    for column in 0..columns {
                        text.push_str(&format!("{:?} ", row.get_ref(column).expect("a value")));
                        if let Ok(ValueRef::Text(bytes)) = row.get_ref(column) {
                            text.push_str(&String::from_utf8_lossy(bytes));
                        }
                    }
                    text.push('\n');
                }
            }
        }
        text
    }

    /// Executes statements in an object's database, without the gateway:
    /// `/registry`, or a merchant's id for its book.
    pub fn sql(&self, object: &str, sql: &str) -> Result<(), String> {
        let disk = self.0.borrow().disks[object].clone();
        disk.connection()
            .execute_batch(sql)
            .map_err(|error| error.to_string())
    }

    /// An object's disk, which exists once the object was called.
    pub fn database(&self, object: &str) -> Rc<Disk> {
        self.0.borrow().disks[object].clone()
    }

    /// Gives an object another database, as if an earlier deployment had left it.
    pub fn set_database(&self, object: &str, database: Connection) {
        let mut inner = self.0.borrow_mut();
        inner.books.remove(object);
        inner
            .disks
            .insert(object.to_owned(), Rc::new(Disk::new(database)));
    }

    /// One of the sandbox's merchants, with its credentials.
    pub fn account(&self, mch_id: &str) -> Json {
        let all = self.ask_sandbox("/sandbox/merchants");
        let mut merchants = all["merchants"].as_array().expect("a list").iter();
        let found = merchants.find(|merchant| merchant["mch_id"] == mch_id);
        found.expect("one of the sandbox's merchants").clone()
    }

    /// Every refund that WeChat knows.
    pub fn refunds_at_wechat(&self) -> Json {
        self.ask_sandbox("/sandbox/refunds")["refunds"].clone()
    }

    /// Every order that WeChat knows.
    pub fn orders_at_wechat(&self) -> Json {
        self.ask_sandbox("/sandbox/orders")["orders"].clone()
    }

    /// An admin call: status and JSON.
    pub fn admin(&self, path: &str, body: &Json) -> (u16, Json) {
        self.admin_as("POST", path, ADMIN_TOKEN, body)
    }

    /// Changes a merchant's settings: status and JSON.
    pub fn change_merchant(&self, id: &str, change: &Json) -> (u16, Json) {
        self.admin_as("PATCH", &format!("/merchants/{id}"), ADMIN_TOKEN, change)
    }

    /// An admin call with any method and token: status and JSON.
    pub fn admin_as(&self, method: &str, path: &str, token: &str, body: &Json) -> (u16, Json) {
        let answer = self.send(
            http::Request::builder()
                .method(method)
                .uri(format!("{GATEWAY}/admin{path}"))
                .header("authorization", format!("Bearer {token}"))
                .body(body.to_string().into_bytes())
                .expect("a request"),
        );
        let json = serde_json::from_slice(answer.body()).expect("JSON");
        (answer.status().as_u16(), json)
    }

    /// Calls the board, as a book does.
    pub fn ask_board(&self, call: &reports::Call) -> reports::Answer {
        let body = serde_json::to_vec(call).expect("a call");
        let answer = self.run(self.call(Object::Board, body)).expect("the board");
        serde_json::from_slice(&answer).expect("an answer of the board")
    }

    /// The cron trigger.
    pub fn wake_board(&self) {
        self.run(self.gateway().wake_board());
    }
}
