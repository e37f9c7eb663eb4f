//! Rows that this version cannot read: a later version has written them, and
//! was rolled back.

use super::shop::Shop;
use super::world::World;
use memory_runtime::objects::BOARD;
use sandbox::Payer;
use std::rc::Rc;

/// Tables whose rows can become unreadable, with their keys.
const TABLES: [(&str, &str); 3] = [
    ("orders", "out_trade_no"),
    ("checkouts", "id"),
    ("deliveries", "id"),
];

/// How a row is corrupted and restored.
const fn changes(table: &str) -> (&'static str, &'static str) {
    match table.as_bytes() {
        b"deliveries" => ("body = CAST(body AS BLOB)", "body = CAST(body AS TEXT)"),
        _ => (
            "json = json_object('later', json)",
            "json = json_extract(json, '$.later')",
        ),
    }
}

impl World {
    /// Makes a row of this book unreadable.
    fn corrupt(&self, book: &Rc<str>, table: &'static str, key: &str) {
        let Some((_, column)) = TABLES.iter().find(|(name, _)| *name == table) else {
            return;
        };
        let row = (book.clone(), table, key.to_owned());
        if !self.0.watch.borrow_mut().unreadable.insert(row) {
            return;
        }
        self.note_at(book, || format!("{table} {key} cannot be read any more"));
        let (unreadable, _) = changes(table);
        let sql = format!("UPDATE {table} SET {unreadable} WHERE {column} = '{key}'");
        self.0.machine.disk(book).write(&sql);
    }

    /// The later version runs again, and reads every row.
    pub(super) fn make_readable(&self) {
        let unreadable = std::mem::take(&mut self.0.watch.borrow_mut().unreadable);
        for (book, table, key) in &unreadable {
            let Some((_, column)) = TABLES.iter().find(|(name, _)| name == table) else {
                continue;
            };
            self.note_at(book, || format!("{table} {key} can be read again"));
            let (_, whole) = changes(table);
            let sql = format!("UPDATE {table} SET {whole} WHERE {column} = '{key}'");
            self.0.machine.disk(book).write(&sql);
        }
        for (book, ..) in &unreadable {
            self.watch_book(book);
        }
    }

    /// Makes some row of a book unreadable.
    pub(super) fn corrupt_a_row(&self, shop: &Shop) {
        let (table, column) = self.0.scenes.pick(&TABLES);
        let sql = format!("SELECT CAST({column} AS TEXT) FROM {table} ORDER BY 1");
        let rows = match self.0.watch.borrow().books.contains_key(&shop.id) {
            true => self.0.machine.disk(&shop.id).read(&sql),
            false => Vec::new(),
        };
        if rows.is_empty() {
            return;
        }
        let key = self.0.scenes.pick(&rows);
        self.corrupt(&shop.id, table, key.text(0).expect("a key"));
    }

    /// An unreadable order and an unreadable delivery stop no other, and each
    /// raises an alarm that the board shows.
    pub(super) async fn unreadable_rows(&self, shop: &Shop) {
        let (Some(_), Some(delivered)) = (
            self.sell(shop, "unreadable").await,
            self.sell(shop, "told").await,
        ) else {
            return;
        };
        shop.fails.set(true);
        self.scan(&delivered, Payer::Alice, "pay");
        self.sleep(5_000).await;
        let disk = self.0.machine.disk(&shop.id);
        let waits = "SELECT CAST(id AS TEXT) FROM deliveries WHERE out_trade_no = 'told'
                     AND state = 'waiting'";
        let rows = disk.read(waits);
        let Some(delivery) = rows.first().and_then(|row| row.text(0).ok()) else {
            return;
        };
        self.corrupt(&shop.id, "deliveries", delivery);
        self.corrupt(&shop.id, "orders", "unreadable");
        shop.fails.set(false);
        let made_ms = self.now_ms();
        let Some(code_url) = self.sell(shop, "next").await else {
            return;
        };
        shop.unheard.set(true);
        self.scan(&code_url, Payer::Alice, "pay");
        self.must_be_learned(shop, "next", made_ms).await;
        self.sleep(5_000).await;
        let is_told = {
            let received = shop.received.borrow();
            received.iter().any(|told| told.out_trade_no == "next")
        };
        let found = "it is paid, and not told, because another row cannot be read";
        self.must(is_told, shop, "next", found);
        let alarms = disk.read("SELECT subject FROM alarms WHERE name = 'ROW_UNREADABLE'");
        for subject in ["unreadable", &format!("delivery {delivery}")] {
            let mut subjects = alarms.iter().filter_map(|row| row.text(0).ok());
            let is_raised = subjects.any(|raised| raised == subject);
            self.must(
                is_raised,
                shop,
                "unreadable",
                "a row cannot be read, and no alarm is raised",
            );
        }
        let sql = format!("SELECT json FROM board WHERE merchant = '{}'", shop.id);
        let board = self.0.machine.disk(BOARD).read(&sql);
        let mut shown = board.iter().filter_map(|row| row.text(0).ok());
        let is_shown = shown.any(|json| json.contains("ROW_UNREADABLE"));
        self.must(
            is_shown,
            shop,
            "unreadable",
            "the alarm stands, and the board does not show it",
        );
        self.make_readable();
    }
}
