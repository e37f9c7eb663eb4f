//! WeChat's state: merchants, orders, refunds, notices and codes, its clock,
//! and the faults that testers have set.

use crate::moment::Moment;
use crate::table::{Change, Table};
use crate::wechat::accounts::{self, Merchant};
use crate::wechat::dialect::NoticeSchedule;
use crate::wechat::faults::{Fault, Faults, Forgery, MessageKind};
use crate::wechat::notices::Notices;
use crate::wechat::oauth;
use crate::wechat::orders::Orders;
use crate::wechat::paycodes::PayCode;
use crate::wechat::payers::Payer;
use crate::wechat::refunds::Refunds;
use crate::wechat::rsa::Rsa;
use order::Currency;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The sandbox's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The sandbox's own origin, with no slash at the end:
    /// `http://127.0.0.1:8788`.
    pub public_url: String,
}

/// WeChat, its payers and its merchants.
#[derive(Clone, Debug)]
pub(crate) struct WeChat {
    pub(crate) settings: Settings,
    pub(crate) rsa: Rsa,
    /// How many milliseconds WeChat's clock is ahead of the caller's.
    pub(crate) offset_ms: i64,
    /// The last number given to a notice, a refund, a report or a delivery.
    pub(crate) sequence: u64,
    pub(crate) faults: Faults,
    pub(crate) merchants: Table<Merchant>,
    pub(crate) orders: Orders,
    pub(crate) notices: Notices,
    pub(crate) codes: Table<oauth::Code>,
    pub(crate) pay_codes: Table<PayCode>,
    pub(crate) refunds: Refunds,
    /// The long URL of each short URL.
    pub(crate) short_urls: Table<String>,
    pub(crate) reports: Table<Report>,
}

/// A merchant's report about the speed of a call (WeChat Pay v2 manual, section
/// 9.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) received_ms: i64,
    pub(crate) fields: BTreeMap<String, String>,
}

impl WeChat {
    /// WeChat with the built-in merchants only.
    pub(crate) fn new(settings: Settings) -> Self {
        let mut wechat = Self::empty(settings);
        wechat.add_built_in_merchants();
        wechat
    }

    /// How far this merchant's clock is behind WeChat's own.
    pub(crate) fn behind_seconds(&self, mch_id: &str) -> i64 {
        let merchant = self.merchants.get(mch_id);
        merchant.map_or(0, |merchant| merchant.behind_seconds)
    }

    /// WeChat without a merchant, for [`load`](Self::load).
    pub(crate) fn empty(settings: Settings) -> Self {
        Self {
            settings,
            rsa: Rsa::default(),
            offset_ms: 0,
            sequence: 0,
            faults: Faults::default(),
            merchants: Table::new("merchant"),
            orders: Orders::new(),
            notices: Notices::new(),
            codes: Table::new("code"),
            pay_codes: Table::new("paycode"),
            refunds: Refunds::new(),
            short_urls: Table::new("shorturl"),
            reports: Table::new("report"),
        }
    }

    /// Reads one stored row; `false` where it belongs to another table.
    pub(crate) fn load(&mut self, key: &str, json: &str) -> Result<bool, serde_json::Error> {
        Ok(self.merchants.load(key, json)?
            || self.orders.load(key, json)?
            || self.notices.load(key, json)?
            || self.codes.load(key, json)?
            || self.pay_codes.load(key, json)?
            || self.refunds.load(key, json)?
            || self.short_urls.load(key, json)?
            || self.reports.load(key, json)?)
    }

    /// Builds the indexes, and adds the built-in merchants that no row has. Call
    /// it once, after every row is loaded.
    pub(crate) fn finish_loading(&mut self) {
        self.orders.index();
        self.notices.index();
        self.add_built_in_merchants();
    }

    fn add_built_in_merchants(&mut self) {
        for merchant in accounts::built_in() {
            if self.merchants.get(&merchant.mch_id).is_none() {
                self.merchants.insert(&merchant.mch_id.clone(), merchant);
            }
        }
    }

    /// Deletes everything except the built-in merchants, and sets the clock to
    /// the real time.
    pub(crate) fn reset(&mut self) {
        self.offset_ms = 0;
        self.sequence = 0;
        self.faults = Faults::default();
        self.merchants.retain(|_| false);
        self.orders.clear();
        self.notices.clear();
        self.codes.retain(|_| false);
        self.pay_codes.retain(|_| false);
        self.refunds.clear();
        self.short_urls.retain(|_| false);
        self.reports.retain(|_| false);
        self.add_built_in_merchants();
    }

    /// Appends the rows that changed since the last call.
    pub(crate) fn take_changes(&mut self, into: &mut Vec<Change>) {
        self.merchants.take_changes(into);
        self.orders.take_changes(into);
        self.notices.take_changes(into);
        self.codes.take_changes(into);
        self.pay_codes.take_changes(into);
        self.refunds.take_changes(into);
        self.short_urls.take_changes(into);
        self.reports.take_changes(into);
    }

    /// The keys of the orders and of the refunds that changed since the last
    /// call.
    pub(crate) fn take_changed_keys(&mut self) -> (BTreeSet<String>, BTreeSet<String>) {
        (
            self.orders.take_changed_keys(),
            self.refunds.take_changed_keys(),
        )
    }

    /// The next number, as a key that sorts by age.
    pub(crate) fn next_id(&mut self) -> String {
        self.sequence += 1;
        format!("{:010}", self.sequence)
    }

    /// The fault that a tester set for this call, if any. Each call uses up one
    /// of its times.
    pub(crate) fn take_failure(&mut self, path: &str) -> Option<Fault> {
        let next = &mut self.faults.fail_next;
        let at = next.iter().position(|fail| fail.path == path)?;
        let fail = next.get_mut(at)?;
        let fault = Fault::from_name(&fail.code);
        fail.times -= 1;
        if fail.times == 0 {
            next.remove(at);
        }
        Some(fault)
    }

    /// The forgery that a tester set for the next answer or notice, if any.
    pub(crate) fn take_forgery(&mut self, on: MessageKind) -> Option<Forgery> {
        let all = &mut self.faults.forge_next;
        let at = all.iter().position(|next| next.on == on)?;
        let next = all.get_mut(at)?;
        let forgery = next.forgery;
        next.times -= 1;
        if next.times == 0 {
            all.remove(at);
        }
        Some(forgery)
    }

    /// The long URL of a scanned short URL; any other URL unchanged.
    pub(crate) fn scanned(&self, url: &str) -> String {
        let long_url = self.short_urls.get(url);
        long_url.map_or_else(|| url.to_owned(), Clone::clone)
    }

    /// Takes a payer's money for an order, into the merchant's funds.
    pub(crate) fn take_payment(&mut self, key: &str, payer: Payer, moment: &mut Moment<'_>) {
        self.orders.update(key, |order| order.pay(payer, moment));
        if let Some(order) = self.orders.get(key) {
            let (mch_id, money) = (order.account.mch_id.clone(), order.money);
            self.add_funds(&mch_id, money.currency(), money.amount_minor());
        }
    }

    /// Adds to a merchant's funds, or takes from them where the amount is
    /// below zero.
    pub(crate) fn add_funds(&mut self, mch_id: &str, currency: Currency, amount_minor: i64) {
        if let Some(merchant) = self.merchants.get_mut(mch_id) {
            merchant.add_funds(currency, amount_minor);
        }
    }

    /// The merchant's schedule for notices in v2.
    pub(crate) fn notice_schedule(&self, mch_id: &str) -> NoticeSchedule {
        let merchant = self.merchants.get(mch_id);
        merchant.map_or_else(NoticeSchedule::default, |merchant| merchant.notice_schedule)
    }

    /// The URL of an H5 order for the browser.
    pub(crate) fn mweb_url(&self, prepay_id: &str) -> String {
        format!(
            "{}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay_id}",
            self.settings.public_url
        )
    }
}
