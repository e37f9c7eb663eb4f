//! `links( id, json, sold )`, `sales( checkout_id, link_id, once, pieces, until_ms )` and
//! `holders( checkout_id, holder )`.

use super::{all, first, integer, texts};
use crate::runtime::{Row, Storage, StorageError};

/// A payment link.
pub(in crate::book) struct StoredLink {
    pub(in crate::book) json: String,
    /// Pieces that are paid, without open sales.
    pub(in crate::book) sold: i64,
}

/// A purchase of the last minutes.
pub(in crate::book) struct NewSale<'a> {
    pub(in crate::book) checkout_id: &'a str,
    pub(in crate::book) link_id: &'a str,
    /// The same for every submission of one form.
    pub(in crate::book) once: &'a str,
    pub(in crate::book) pieces: i64,
    pub(in crate::book) until_ms: i64,
}

/// The checkout of a sale, and its number of pieces.
pub(in crate::book) struct Sale {
    pub(in crate::book) checkout_id: String,
    pub(in crate::book) pieces: i64,
}

fn sale(row: &Row) -> Result<Sale, StorageError> {
    Ok(Sale {
        checkout_id: row.text(0)?.to_owned(),
        pieces: row.int(1)?,
    })
}

/// Adds a link, or replaces the one with this id. The number of sold pieces
/// stays.
pub(in crate::book) fn put(
    storage: &impl Storage,
    id: &str,
    json: &str,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO links(id, json, sold) VALUES(?1, ?2, 0)
         ON CONFLICT(id) DO UPDATE SET json = ?2",
        &[id.into(), json.into()],
    )?;
    Ok(())
}

pub(in crate::book) fn find(
    storage: &impl Storage,
    id: &str,
) -> Result<Option<StoredLink>, StorageError> {
    first(
        storage,
        "SELECT json, sold FROM links WHERE id = ?",
        &[id.into()],
        |row| {
            Ok(StoredLink {
                json: row.text(0)?.to_owned(),
                sold: row.int(1)?,
            })
        },
    )
}

/// The ids of the links that were made last, newest first.
pub(in crate::book) fn latest_ids(
    storage: &impl Storage,
    at_most: i64,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "SELECT id FROM links ORDER BY rowid DESC LIMIT ?",
        &[at_most.into()],
    )
}

pub(in crate::book) fn add_sold(
    storage: &impl Storage,
    id: &str,
    pieces: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE links SET sold = sold + ? WHERE id = ?",
        &[pieces.into(), id.into()],
    )?;
    Ok(())
}

pub(in crate::book) fn insert_sale(
    storage: &impl Storage,
    sale: &NewSale<'_>,
    holder: Option<&str>,
) -> Result<(), StorageError> {
    storage.exec(
        "INSERT INTO sales(checkout_id, link_id, once, pieces, until_ms)
         VALUES(?, ?, ?, ?, ?)",
        &[
            sale.checkout_id.into(),
            sale.link_id.into(),
            sale.once.into(),
            sale.pieces.into(),
            sale.until_ms.into(),
        ],
    )?;
    if let Some(holder) = holder {
        storage.exec(
            "INSERT INTO holders(checkout_id, holder) VALUES(?, ?)",
            &[sale.checkout_id.into(), holder.into()],
        )?;
    }
    Ok(())
}

/// Removes a sale and its holder.
pub(in crate::book) fn end_sale(
    storage: &impl Storage,
    checkout_id: &str,
) -> Result<(), StorageError> {
    for sql in [
        "DELETE FROM sales WHERE checkout_id = ?",
        "DELETE FROM holders WHERE checkout_id = ?",
    ] {
        storage.exec(sql, &[checkout_id.into()])?;
    }
    Ok(())
}

/// The number of a link's open sales.
pub(in crate::book) fn count_sales(
    storage: &impl Storage,
    link_id: &str,
) -> Result<i64, StorageError> {
    integer(
        storage,
        "SELECT count(*) FROM sales WHERE link_id = ?",
        &[link_id.into()],
    )
}

/// The number of pieces in a link's sales.
pub(in crate::book) fn pieces_in_sales(
    storage: &impl Storage,
    link_id: &str,
) -> Result<i64, StorageError> {
    integer(
        storage,
        "SELECT coalesce(sum(pieces), 0) FROM sales WHERE link_id = ?",
        &[link_id.into()],
    )
}

/// The sales of a link to one holder.
pub(in crate::book) fn sales_of_holder(
    storage: &impl Storage,
    link_id: &str,
    holder: &str,
) -> Result<Vec<Sale>, StorageError> {
    all(
        storage,
        "SELECT checkout_id, pieces FROM sales JOIN holders USING(checkout_id)
         WHERE link_id = ? AND holder = ?",
        &[link_id.into(), holder.into()],
        sale,
    )
}

/// The checkouts that one form has made, newest first.
pub(in crate::book) fn checkouts_of_form(
    storage: &impl Storage,
    link_id: &str,
    once: &str,
) -> Result<Vec<String>, StorageError> {
    texts(
        storage,
        "SELECT checkout_id FROM sales WHERE link_id = ? AND once = ? ORDER BY rowid DESC",
        &[link_id.into(), once.into()],
    )
}

/// The expired sales of a link, the oldest first.
pub(in crate::book) fn ended_sales(
    storage: &impl Storage,
    link_id: &str,
    now_ms: i64,
    at_most: i64,
) -> Result<Vec<Sale>, StorageError> {
    all(
        storage,
        "SELECT checkout_id, pieces FROM sales WHERE link_id = ? AND until_ms <= ?
         ORDER BY until_ms LIMIT ?",
        &[link_id.into(), now_ms.into(), at_most.into()],
        sale,
    )
}

/// Moves the expiry of a sale.
pub(in crate::book) fn move_end(
    storage: &impl Storage,
    checkout_id: &str,
    until_ms: i64,
) -> Result<(), StorageError> {
    storage.exec(
        "UPDATE sales SET until_ms = ? WHERE checkout_id = ?",
        &[until_ms.into(), checkout_id.into()],
    )?;
    Ok(())
}

/// How many pieces the sale takes whose checkout has this attempt.
pub(in crate::book) fn pieces_of_attempt(
    storage: &impl Storage,
    number: &str,
) -> Result<Option<i64>, StorageError> {
    first(
        storage,
        "SELECT pieces FROM sales WHERE checkout_id =
            (SELECT checkout_id FROM attempts WHERE out_trade_no = ?)",
        &[number.into()],
        |row| row.int(0),
    )
}

/// The number of pieces that a link's sales have sold, and that they hold.
pub(in crate::book) struct Pieces {
    pub(in crate::book) paid: i64,
    pub(in crate::book) held: i64,
}

/// Counts the pieces of a link's sales: paid, and still open. The database
/// counts, because there may be thousands of sales. A row that cannot be read is
/// counted as open: it hinders no other sale, and sells nothing twice.
pub(in crate::book) fn count_pieces(
    storage: &impl Storage,
    link_id: &str,
    now_ms: i64,
) -> Result<Pieces, StorageError> {
    let counted = first(
        storage,
        "SELECT coalesce(sum(CASE WHEN paid THEN pieces END), 0),
                coalesce(sum(CASE WHEN NOT paid AND (live OR open) THEN pieces END), 0)
         FROM (SELECT pieces,
             until_ms > ?2 AND NOT CASE WHEN json_valid(json)
                 THEN coalesce(json_extract(json, '$.closed'), 0) ELSE 0 END AS live,
             EXISTS (SELECT 1 FROM attempts JOIN orders USING(out_trade_no)
                 WHERE attempts.checkout_id = sales.checkout_id
                 AND CASE WHEN json_valid(orders.json)
                     THEN json_extract(orders.json, '$.status.SUCCESS') IS NOT NULL
                         AND json_extract(orders.json, '$.paid_besides') IS NULL
                     ELSE 0 END) AS paid,
             EXISTS (SELECT 1 FROM attempts JOIN orders USING(out_trade_no)
                 WHERE attempts.checkout_id = sales.checkout_id
                 AND CASE WHEN json_valid(orders.json)
                     THEN json_extract(orders.json, '$.status') IN ('NOTPAY', 'USERPAYING')
                         OR json_extract(orders.json, '$.reported') IS NOT NULL
                         OR json_extract(orders.json, '$.status.CLOSING') IS NOT NULL
                         OR json_extract(orders.json, '$.status.REVERSING') IS NOT NULL
                     ELSE 1 END) AS open
             FROM sales JOIN checkouts ON checkouts.id = sales.checkout_id
             WHERE link_id = ?1)",
        &[link_id.into(), now_ms.into()],
        |row| {
            Ok(Pieces {
                paid: row.int(0)?,
                held: row.int(1)?,
            })
        },
    )?;
    Ok(counted.unwrap_or(Pieces { paid: 0, held: 0 }))
}
