//! `/admin/export` and `/admin/import`: a deployment is moved to another one, on
//! the same runtime or on another. `weceive export` and `weceive import` make
//! these calls; the order of the steps is theirs.
//!
//! ```text
//! here                                          there
//! begin                    registry-00 closed
//! close, for each object   objects closed
//! page, page, …      ──▶  lines of a file  ──▶  line, line, …    objects complete
//! release                  never opened again
//!                    ──▶  a token          ──▶  activate         objects serve
//! ```
//!
//! The state of the whole deployment is stored in `registry-00`: whether its
//! export may still be given up. Only the token that it gives when it may not
//! activates an object there, so that no two deployments serve one merchant.
//!
//! A line is `base64url(JSON).base64url(HMAC)`, and holds the fingerprint of the
//! line before it: none can be changed, left out or added. The key is derived
//! from `MASTER_KEY`, which the sealed secrets need there anyway.

use crate::auth::keys::admin;
use crate::book::command;
use crate::http::error::{ApiError, Code};
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::merchants::merchant::is_merchant_id;
use crate::merchants::registry::command::{Accounts, List, Transfer};
use crate::merchants::seal::fingerprint;
use crate::merchants::shards::ask;
use crate::route::MAX_LINE_BYTES;
use crate::runtime::{Request, Response, Runtime, Shard};
use crate::services::Services;
use crate::transfer::{Accepted, Outcome, Page, Position, Refusal, State, Step};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The form of a line.
const FORMAT: u8 = 1;
/// How many merchants one call names or activates.
const AT_ONCE: i64 = 20;
/// The longest name of an object: a merchant's id or an account's.
const MAX_OBJECT: usize = 80;
/// The longest cursor: the key of a row is in it.
const MAX_CURSOR: usize = 16 * 1024;

/// One page of an object, as it is moved.
#[derive(Serialize, Deserialize)]
struct Line {
    format: u8,
    export: String,
    /// What both deployments have in common.
    public_url: String,
    is_test: bool,
    object: String,
    number: i64,
    /// The fingerprint of the line before; empty in the first.
    previous: String,
    page: Page,
}

/// Where the next line of an object begins.
#[derive(Serialize, Deserialize)]
struct Cursor {
    export: String,
    object: String,
    number: i64,
    previous: String,
    from: Option<Position>,
}

/// The export with this id will never be served again where it was made.
#[derive(Serialize, Deserialize)]
struct Release {
    export: String,
}

const LINE: &str = "export";
const CURSOR: &str = "export cursor";
const RELEASE: &str = "export released";

/// An object that is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Moved {
    /// `registry-07`.
    Shard(Shard),
    /// `book/` and a merchant's id.
    Book(String),
    /// `claims/`, a `mch_id`, `/` and up to two digits: the payments of an account
    /// that several merchants share.
    Claims(String),
}

impl Moved {
    fn named(name: &str) -> Option<Self> {
        if let Some(id) = name.strip_prefix("book/") {
            return is_merchant_id(id).then(|| Self::Book(id.to_owned()));
        }
        let Some(claims) = name.strip_prefix("claims/") else {
            return Shard::named(name).map(Self::Shard);
        };
        let (account, digits) = claims.split_once('/')?;
        let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_one = is_plain(account) && digits.len() <= 2 && is_plain(digits);
        is_one.then(|| Self::Claims(claims.to_owned()))
    }

    /// The objects of a merchant: its book, and those of an account that it shares.
    fn of(id: &str, shared: &str) -> Vec<String> {
        let mut names = vec![format!("book/{id}")];
        if !shared.is_empty() {
            let one = (0..10).map(|digit| digit.to_string());
            let two = (0..100).map(|digits| format!("{digits:02}"));
            let all = std::iter::once(String::new()).chain(one).chain(two);
            names.extend(all.map(|digits| format!("claims/{shared}/{digits}")));
        }
        names
    }
}

/// The fields of a step, with their longest values in bytes.
const FIELDS: [(&str, usize); 4] = [
    ("export", 64),
    ("object", MAX_OBJECT),
    ("after", 32),
    ("cursor", MAX_CURSOR),
];

/// `POST /admin/export`: one step of an export.
pub async fn export_step<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let fields = Fields::read(request.body())?;
    // Also those that the step does not use.
    for (name, longest) in FIELDS {
        fields.text(name, longest)?;
    }
    let data = match fields.required("step", 16)?.as_str() {
        "begin" => begin(cx).await?,
        "objects" => objects(cx, &fields).await?,
        "close" => {
            let (export, object) = (fields.required("export", 64)?, object(&fields)?);
            done(take(cx, &object, Step::Close { export }).await?)?
        }
        "page" => page(cx, &fields).await?,
        "reopen" => reopen(cx, &fields).await?,
        "release" => {
            let export = fields.required("export", 64)?;
            let step = Step::Release {
                export: export.clone(),
            };
            done(take_root(cx, step).await?)?;
            json!({"release": cx.config.master_key.token(RELEASE, &Release { export })})
        }
        _ => {
            let problem = "must be begin, objects, close, page, reopen or release";
            return Err(fields.invalid("step", problem));
        }
    };
    Ok(success(data))
}

/// Closes the object that holds the state of the deployment: from now on no
/// merchant is made or changed there, and an export has an id.
async fn begin<R: Runtime>(cx: &Services<R>) -> Result<Value, ApiError> {
    let export = cx.random_text(22);
    match take_root(cx, Step::Begin { export }).await? {
        Outcome::Begun(export) => Ok(json!({
            "export": export,
            "public_url": cx.config.public_url,
        })),
        other => Err(unexpected(other)),
    }
}

/// The objects of a shard's merchants. Any shard can be asked, also one that is
/// closed.
async fn objects<R: Runtime>(cx: &Services<R>, fields: &Fields) -> Result<Value, ApiError> {
    let Moved::Shard(shard) = object(fields)? else {
        return Err(fields.invalid("object", "must be one of registry-00 to registry-63"));
    };
    let (names, after) = listed(cx, shard, fields).await?;
    Ok(json!({"objects": names, "after": after}))
}

async fn listed<R: Runtime>(
    cx: &Services<R>,
    shard: Shard,
    fields: &Fields,
) -> Result<(Vec<String>, Option<String>), ApiError> {
    let after = fields.text("after", 32)?.unwrap_or_default();
    if !after.is_empty() && !is_merchant_id(&after) {
        return Err(fields.invalid("after", "must be the after of the previous page"));
    }
    let accounts = Accounts {
        shard,
        after,
        limit: AT_ONCE,
    };
    let accounts = ask(&cx.runtime, accounts).await?;
    let is_full = i64::try_from(accounts.len()).is_ok_and(|n| n == AT_ONCE);
    let after = accounts.last().filter(|_| is_full);
    let after = after.map(|(id, _)| id.clone());
    let mut names: Vec<String> = Vec::new();
    for (id, shared) in &accounts {
        for name in Moved::of(id, shared) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok((names, after))
}

async fn page<R: Runtime>(cx: &Services<R>, fields: &Fields) -> Result<Value, ApiError> {
    let export = fields.required("export", 64)?;
    let name = fields.required("object", MAX_OBJECT)?;
    let object = object(fields)?;
    let key = &cx.config.master_key;
    let cursor = match fields.text("cursor", MAX_CURSOR)? {
        None => Cursor {
            export,
            object: name,
            number: 0,
            previous: String::new(),
            from: None,
        },
        Some(token) => key
            .read_token::<Cursor>(CURSOR, &token)
            .filter(|cursor| cursor.export == export && cursor.object == name)
            .ok_or_else(|| fields.invalid("cursor", "must be the cursor of the page before"))?,
    };
    let step = Step::Page {
        export: cursor.export.clone(),
        from: cursor.from,
    };
    let page = match take(cx, &object, step).await? {
        Outcome::Page(page) => *page,
        other => return Err(unexpected(other)),
    };
    let from = page.next.clone();
    let line = Line {
        format: FORMAT,
        export: cursor.export,
        public_url: cx.config.public_url.clone(),
        is_test: cx.config.is_test,
        object: cursor.object,
        number: cursor.number,
        previous: cursor.previous,
        page,
    };
    let token = key.token(LINE, &line);
    let cursor = from.is_some().then(|| {
        let next = Cursor {
            export: line.export,
            object: line.object,
            number: line.number + 1,
            previous: fingerprint(&token),
            from,
        };
        key.token(CURSOR, &next)
    });
    Ok(json!({"line": token, "cursor": cursor}))
}

/// Opens the deployment again: without an object it says that this has begun,
/// then each object follows, `registry-00` last.
async fn reopen<R: Runtime>(cx: &Services<R>, fields: &Fields) -> Result<Value, ApiError> {
    if !fields.has("object") {
        return done(take_root(cx, Step::BeginReopen).await?);
    }
    let object = object(fields)?;
    // Between a release and this call nothing may be opened.
    match take_root(cx, Step::State).await? {
        Outcome::State(State::Closed(_)) => {
            done(take_root(cx, Step::BeginReopen).await?)?;
        }
        Outcome::State(State::Serving | State::Imported(_)) => {}
        _ => return Err(refused(Refusal::Released)),
    }
    done(take(cx, &object, Step::Reopen).await?)
}

/// The fields of an import, with their longest values in bytes.
const SENT: [(&str, usize); 4] = [
    ("line", MAX_LINE_BYTES),
    ("release", MAX_CURSOR),
    ("object", MAX_OBJECT),
    ("after", 32),
];

/// `POST /admin/import`: writes a line of an export; or, with the token of its
/// release, activates the objects of a shard.
pub async fn import_step<R: Runtime>(
    cx: &Services<R>,
    request: &Request,
) -> Result<Response, ApiError> {
    admin(cx, request).await?;
    let fields = Fields::read_up_to(request.body(), MAX_LINE_BYTES)?;
    let unknown = |name: &&str| !SENT.iter().any(|(known, _)| known == name);
    if let Some(name) = fields.names().find(unknown) {
        return Err(fields.invalid(name, "is not a field of this call"));
    }
    for (name, longest) in SENT {
        fields.text(name, longest)?;
    }
    let (line, release) = (
        fields.text("line", MAX_LINE_BYTES)?,
        fields.text("release", MAX_CURSOR)?,
    );
    match (line, release) {
        (Some(line), None) => write_line(cx, &line).await.map(success),
        (None, Some(release)) => activate(cx, &release, &fields).await.map(success),
        _ => Err(ApiError::field(
            Code::FieldMissing,
            "line",
            "Send the field line, or the field release.",
        )),
    }
}

async fn write_line<R: Runtime>(cx: &Services<R>, token: &str) -> Result<Value, ApiError> {
    let damaged = || ApiError::field(Code::ImportDamaged, "line", Code::ImportDamaged.advice());
    let line: Line = cx
        .config
        .master_key
        .read_token(LINE, token)
        .ok_or_else(damaged)?;
    let object = Moved::named(&line.object).ok_or_else(damaged)?;
    let elsewhere = |why: String| ApiError::field(Code::ImportElsewhere, "line", why);
    if line.format != FORMAT {
        let format = line.format;
        let why = format!("The export has format {format}, and this program reads {FORMAT}.");
        return Err(elsewhere(why));
    }
    if line.public_url != cx.config.public_url {
        let (theirs, ours) = (&line.public_url, &cx.config.public_url);
        return Err(elsewhere(format!(
            "The export is of {theirs}, and PUBLIC_URL here is {ours}. WeChat's notices and \
             payers' addresses lead there, so both deployments need the same."
        )));
    }
    if line.is_test != cx.config.is_test {
        let why = "One deployment is connected to WeChat, the other to the sandbox.";
        return Err(elsewhere(why.to_owned()));
    }
    let replaces = match line.number {
        0 => may_begin(cx, &object, &line.export).await?,
        _ => false,
    };
    let accepted = Accepted {
        export: line.export,
        number: line.number,
        chain: [line.previous, fingerprint(token)],
        replaces,
        page: line.page,
    };
    match take(cx, &object, Step::Accept(Box::new(accepted))).await? {
        Outcome::Next(next) => Ok(json!({"object": line.object, "next": next})),
        Outcome::Complete => Ok(json!({"object": line.object, "next": null})),
        other => Err(unexpected(other)),
    }
}

/// Whether the first line of an object replaces its rows. An import begins with
/// the object that holds the state of the deployment, and there only where no
/// merchant would be closed by it.
async fn may_begin<R: Runtime>(
    cx: &Services<R>,
    object: &Moved,
    export: &str,
) -> Result<bool, ApiError> {
    let root = match take_root(cx, Step::State).await? {
        Outcome::State(state) => state,
        other => return Err(unexpected(other)),
    };
    let is_root = matches!(object, Moved::Shard(shard) if Some(*shard) == Shard::all().next());
    match root {
        State::Imported(imported) if imported == export => Ok(false),
        State::Importing {
            export: begun,
            replaces,
        } if is_root || begun == export => Ok(replaces),
        State::Released if is_root => Ok(true),
        State::Serving | State::Imported(_) if is_root => {
            let list = List {
                after: String::new(),
                limit: 1,
            };
            match ask(&cx.runtime, list).await?.is_empty() {
                true => Ok(false),
                false => Err(refused(Refusal::NotEmpty)),
            }
        }
        State::Closed(_) if is_root => Err(refused(Refusal::NotEmpty)),
        _ => {
            let why = "The lines of registry-00 come first, as in the export.";
            Err(ApiError::new(Code::ImportIncomplete, why))
        }
    }
}

async fn activate<R: Runtime>(
    cx: &Services<R>,
    release: &str,
    fields: &Fields,
) -> Result<Value, ApiError> {
    let release: Release = cx
        .config
        .master_key
        .read_token(RELEASE, release)
        .ok_or_else(|| {
            let why = "The field release is not the release of an export.";
            ApiError::field(Code::FieldInvalid, "release", why)
        })?;
    let Moved::Shard(shard) = object(fields)? else {
        return Err(fields.invalid("object", "must be one of registry-00 to registry-63"));
    };
    let step = || Step::Activate {
        export: release.export.clone(),
    };
    let incomplete = |name: &str, error: ApiError| match error.code {
        Code::ImportIncomplete => {
            let why = format!(
                "{name} is not complete. {}",
                Code::ImportIncomplete.advice()
            );
            ApiError::new(Code::ImportIncomplete, why)
        }
        _ => error,
    };
    // The books first: a merchant is found when its shard serves.
    let (names, after) = listed(cx, shard, fields).await?;
    for name in &names {
        let Some(object) = Moved::named(name) else {
            continue;
        };
        let taken = take(cx, &object, step()).await?;
        done(taken).map_err(|error| incomplete(name, error))?;
    }
    if after.is_none() {
        let taken = take(cx, &Moved::Shard(shard), step()).await?;
        done(taken).map_err(|error| incomplete(&shard.name(), error))?;
    }
    Ok(json!({"after": after}))
}

fn object(fields: &Fields) -> Result<Moved, ApiError> {
    let name = fields.required("object", MAX_OBJECT)?;
    Moved::named(&name).ok_or_else(|| {
        let problem = "must be like registry-00, book/ID or claims/MCH_ID/07";
        fields.invalid("object", problem)
    })
}

/// Has the object take a step that holds the state of the deployment.
async fn take_root<R: Runtime>(cx: &Services<R>, step: Step) -> Result<Outcome, ApiError> {
    match Shard::all().next() {
        Some(shard) => take(cx, &Moved::Shard(shard), step).await,
        None => Err(ApiError::internal("the registry has no shard")),
    }
}

async fn take<R: Runtime>(
    cx: &Services<R>,
    object: &Moved,
    step: Step,
) -> Result<Outcome, ApiError> {
    let outcome = match object {
        Moved::Shard(shard) => {
            let shard = *shard;
            *ask(&cx.runtime, Transfer { shard, step }).await?
        }
        Moved::Book(name) | Moved::Claims(name) => cx.book(name, command::Transfer(step)).await?,
    };
    match outcome {
        Outcome::Refused(refusal) => Err(refused(refusal)),
        outcome => Ok(outcome),
    }
}

fn done(outcome: Outcome) -> Result<Value, ApiError> {
    match outcome {
        Outcome::Done => Ok(json!({})),
        other => Err(unexpected(other)),
    }
}

fn unexpected(outcome: Outcome) -> ApiError {
    match outcome {
        Outcome::Refused(refusal) => refused(refusal),
        _ => ApiError::internal("an object answered another step"),
    }
}

fn refused(refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::NotClosed => ApiError::of(Code::ExportEnded),
        Refusal::Released => ApiError::of(Code::ExportReleased),
        Refusal::NotEmpty => ApiError::of(Code::ImportNotEmpty),
        Refusal::Damaged => {
            ApiError::field(Code::ImportDamaged, "line", Code::ImportDamaged.advice())
        }
        Refusal::Incomplete => ApiError::of(Code::ImportIncomplete),
        Refusal::OtherSchema(here, there) => {
            let why = format!(
                "The programs of the two deployments differ: an object has {here} migrations here \
                 and {there} there. Install the same version in both."
            );
            ApiError::field(Code::ImportElsewhere, "line", why)
        }
    }
}
