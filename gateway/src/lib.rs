//! What *we do* about a payment: the HTTP API, merchants and their sealed
//! credentials, the book of orders, notices, deliveries and timers, and the
//! way to a payer's openid.
//!
//! Everything is generic over a small [`World`](world::World) and
//! [`Store`](world::Store), so the whole gateway runs on the Workers runtime
//! (room `edge`) and natively in memory (room `tests`).
//!
//! Not in scope: what a payment is and what may happen to it (room `order`),
//! WeChat's wire formats (room `wechatpay`), the page (rooms `checkout` and
//! `app`), and the runtime.
//!
//! To find an endpoint, search for its path: [`Gateway::handle`] lists them
//! all.

mod address;
mod admin;
pub mod alarm;
mod api;
mod assets;
mod audit;
pub mod book;
pub mod config;
mod credentials;
mod directory;
pub mod error;
mod fields;
pub mod http;
mod limits;
mod merchant;
mod mini;
mod notices;
mod operator;
mod pay;
mod pay_link;
mod print;
mod qr;
pub mod registry;
mod scope;
mod seal;
mod sign_in;
mod tally;
mod upstream;
pub mod world;

use crate::config::Config;
use crate::directory::{Directory, Known};
use crate::error::{ApiError, Code};
use crate::http::{MAX_BODY_BYTES, answer};
use crate::limits::Limits;
use crate::scope::Scope;
use crate::tally::Tally;
use crate::upstream::{Hosts, Upstream};
use crate::world::{Object, Request, Response, World};
use ::http::Method;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The merchant's API as OpenAPI 3.1. Tests hold it against the code.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The stateless part: takes requests, asks the objects, answers.
#[derive(Debug)]
pub struct Gateway<W> {
    world: W,
    config: Rc<Config>,
    directory: Directory,
    hosts: Hosts,
    limits: Limits,
    /// What this isolate has counted.
    tally: Rc<Tally>,
    /// What the doctor found, and when.
    findings: RefCell<HashMap<String, (i64, serde_json::Value)>>,
    /// The page's frame, read once.
    template: RefCell<Option<Rc<str>>>,
}

impl<W: World> Gateway<W> {
    /// A gateway that knows no merchant yet.
    pub fn new(world: W, config: Rc<Config>) -> Self {
        let tally = Rc::new(Tally::default());
        Self {
            world,
            config,
            directory: Directory::default(),
            hosts: Hosts::counting(tally.clone()),
            limits: Limits::default(),
            tally,
            findings: RefCell::default(),
            template: RefCell::new(None),
        }
    }

    /// Answers one request, and says so in the log.
    pub async fn handle(&self, request: Request) -> Response {
        let scope = Scope::of(&request, || self.random_text(22));
        scope::within(scope, self.answered(request)).await
    }

    /// Every endpoint there is stands in this list.
    async fn answer(&self, request: Request) -> Response {
        if request.body().len() > MAX_BODY_BYTES {
            return ApiError::of(Code::BodyTooLarge).response();
        }
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let get = [Method::GET, Method::HEAD].contains(request.method());
        let post = request.method() == Method::POST;
        let delete = request.method() == Method::DELETE;
        let patch = request.method() == Method::PATCH;
        if let Err(error) = self.limit_payer(&request, &segments) {
            return self.too_often(&request, error).await;
        }
        let result = match segments.as_slice() {
            // The merchant's API.
            ["v1", "order"] if post => self.create_order(&request).await,
            ["v1", "order"] if get => self.get_order(&request).await,
            ["v1", "order"] => not_allowed("GET, POST"),
            ["v1", "checksign"] if post => self.checksign(&request).await,
            ["v1", "checkout"] if get => self.get_checkout(&request).await,
            ["v1", "checkout"] if post => self.create_checkout(&request).await,
            ["v1", "checkout"] => not_allowed("GET, POST"),
            ["v1", "link"] if get => self.get_links(&request).await,
            ["v1", "link"] if post => self.set_link(&request).await,
            ["v1", "link"] => not_allowed("GET, POST"),
            ["v1", "micropay"] if post => self.micropay(&request).await,
            ["v1", "reverse"] if post => self.reverse_order(&request).await,
            ["v1", "refund"] if post => self.create_refund(&request).await,
            ["v1", "refund"] if get => self.get_refunds(&request).await,
            ["v1", "refund"] => not_allowed("GET, POST"),
            ["v1", "micropay" | "reverse"] => not_allowed("POST"),
            ["v1", "close"] if post => self.close_order(&request).await,
            ["v1", "checksign" | "close"] => not_allowed("POST"),
            ["v1", "exchange_rate"] if get => self.exchange_rate(&request).await,
            ["v1", "settlement"] if get => self.settlement(&request).await,
            ["v1", "exchange_rate" | "settlement"] => not_allowed("GET"),
            ["v1", "product"] if get => self.get_product(&request).await,
            ["v1", "product"] if post => self.set_product(&request).await,
            ["v1", "product"] => not_allowed("GET, POST"),
            ["v1", "statement"] if get => self.statement(&request).await,
            ["v1", "statement"] => not_allowed("GET"),
            ["v1", "shorturl"] if post => self.short_url(&request).await,
            ["v1", "shorturl"] => not_allowed("POST"),
            ["v1", "delivery"] if get => self.get_deliveries(&request).await,
            ["v1", "delivery"] if post => self.resend_delivery(&request).await,
            ["v1", "delivery"] => not_allowed("GET, POST"),
            ["v1", "audit"] if get => self.get_audit(&request).await,
            ["v1", "audit"] => not_allowed("GET"),
            ["v1", "doctor"] if get => self.doctor(&request).await,
            ["v1", "doctor"] => not_allowed("GET"),
            ["v1", "token"] if post => self.create_token(&request).await,
            ["v1", "token"] if delete => self.revoke_token(&request).await,
            ["v1", "token"] => not_allowed("POST, DELETE"),
            // The payer's page.
            ["pay", ""] if get => Ok(self.page(&request).await),
            ["pay", "status"] if get => self.pay_status(&request).await,
            ["pay", "live"] if get => self.pay_live(&request).await,
            ["pay", "" | "status" | "live"] => not_allowed("GET"),
            ["pay", "order"] if post => self.pay_order(&request).await,
            ["pay", "check"] if post => self.pay_check(&request).await,
            ["pay", "order" | "check"] => not_allowed("POST"),
            // A payment link's form and pictures; its page is /pay/, too.
            ["pay", "link"] if post => Ok(self.buy(&request).await),
            ["pay", "link"] => not_allowed("POST"),
            ["pay", "result"] if get => self.link_result(&request).await,
            ["pay", "qr"] if get => self.link_qr(&request).await,
            ["pay", "sheet"] if get => self.link_sheet(&request).await,
            ["pay", "result" | "qr" | "sheet"] => not_allowed("GET"),
            // The merchant's Mini Program.
            ["mini", "status"] if get => self.mini_status(&request).await,
            ["mini", "order"] if post => self.mini_order(&request).await,
            ["mini", "check"] if post => self.mini_check(&request).await,
            ["mini", "status"] => not_allowed("GET"),
            ["mini", "order" | "check"] => not_allowed("POST"),
            // The payer's openid.
            ["wx-bridge", "oauth_bridge.php"] if get => Ok(self.quick_auth(&request).await),
            ["oauth", "callback"] if get => Ok(self.oauth_callback(&request).await),
            ["oauth", "return"] if get => Ok(self.quick_auth_return(&request).await),
            ["wx-bridge", "oauth_bridge.php"] | ["oauth", "callback" | "return"] => {
                not_allowed("GET")
            }
            // What upstreams tell unasked.
            ["notify", "v2", merchant] if post => self.notice(&request, merchant).await,
            ["notify", "v2", merchant, "refund"] if post => {
                self.refund_notice(&request, merchant).await
            }
            ["notify", "v2", merchant, "native"] if post => {
                self.product_callback(&request, merchant).await
            }
            ["notify", "v3", merchant] | ["notify", "v3", merchant, "refund"] if post => {
                self.v3_notice(&request, merchant).await
            }
            ["notify", "ionline", merchant] if post => {
                self.ionline_notice(&request, merchant).await
            }
            ["notify", "v2" | "v3" | "ionline", _]
            | ["notify", "v2", _, "refund" | "native"]
            | ["notify", "v3", _, "refund"] => not_allowed("POST"),
            // The operator.
            ["admin", "merchants"] if post => self.create_merchant(&request).await,
            ["admin", "merchants", id] if patch => self.change_merchant(&request, id).await,
            ["admin", "merchants", _] => not_allowed("PATCH"),
            ["admin", "merchants", id, "rotate"] if post => {
                self.rotate_merchant(&request, id).await
            }
            ["admin", "merchants", id, "report"] if get => self.merchant_report(&request, id).await,
            ["admin", "reseal"] if post => self.reseal(&request).await,
            ["admin", "alarms"] if get => self.alarms(&request).await,
            ["admin", "merchants", id, "alarms"] if post => self.settle_alarm(&request, id).await,
            ["admin", "merchants", id, "audit"] if get => self.audit_for(&request, id).await,
            ["admin", "merchants", id, "doctor"] if get => self.doctor_for(&request, id).await,
            ["admin", "merchants" | "reseal"] | ["admin", "merchants", _, "alarms" | "rotate"] => {
                not_allowed("POST")
            }
            ["admin", "alarms"] => not_allowed("GET"),
            ["admin", "merchants", _, "audit" | "report" | "doctor"] => not_allowed("GET"),
            ["metrics"] if get => self.metrics(&request).await,
            ["openapi.json"] if get => Ok(answer(200, "application/json", OPENAPI)),
            ["healthz"] if get => Ok(answer(200, "text/plain; charset=utf-8", "ok\n")),
            // The page's files.
            [file] if get => self.asset(&request, file).await,
            _ => Err(ApiError::of(Code::NotFound)),
        };
        result.unwrap_or_else(|error| error.response())
    }

    fn upstream<'a>(&'a self, known: &'a Known) -> Upstream<'a, W> {
        Upstream {
            world: &self.world,
            config: &self.config,
            hosts: &self.hosts,
            known,
        }
    }

    /// Asks a merchant's book.
    async fn book<T: DeserializeOwned>(
        &self,
        merchant: &str,
        call: book::Call,
    ) -> Result<T, ApiError> {
        let envelope = book::Envelope {
            merchant: merchant.to_owned(),
            scope: Scope::current(),
            call,
        };
        let body = serde_json::to_vec(&envelope).map_err(|_| ApiError::of(Code::Internal))?;
        let answer = self.world.call(Object::Book(merchant), body).await?;
        serde_json::from_slice::<Result<T, ApiError>>(&answer).unwrap_or_else(|error| {
            self.world.log(format_args!("book answer: {error}"));
            Err(ApiError::of(Code::Internal))
        })
    }

    fn random_text(&self, length: usize) -> String {
        seal::random_text(|bytes| self.world.random(bytes), length)
    }
}

fn not_allowed(allow: &'static str) -> Result<Response, ApiError> {
    let mut response = ApiError::of(Code::MethodNotAllowed).response();
    http::set(&mut response, ::http::header::ALLOW, allow);
    Ok(response)
}
