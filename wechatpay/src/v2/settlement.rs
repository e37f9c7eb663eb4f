//! Query settled funds: the amounts that WeChat paid out to the merchant, and
//! those that it has not paid out yet (WeChat Pay v2 manual, section 10).
//!
//! ```text
//! POST /pay/settlementquery
//!   appid mch_id [sub_appid sub_mch_id] nonce_str sign [sign_type]
//!   usetag  1 settled, 2 outstanding     offset limit [date_start date_end]
//! answer
//!   return_code result_code [appid mch_id nonce_str sign] record_num
//!   <setteinfo_0>                        then setteinfo_1, …
//!     fbatchno date_settlement date_start date_end
//!     settlement_fee unsettlement_fee settlementfee_type
//!     pay_fee refund_fee pay_net_fee poundage_fee
//!   </setteinfo_0>
//! ```
//!
//! `setteinfo` is WeChat's spelling. These are the only fields in v2 that
//! contain fields, and the signature does not cover them: Tencent's own SDK
//! signs text values only. Answers without any `sign` occur as well. So the
//! records are for display only: [`Answer::signed`]. The manual's sample has a
//! single record's fields at the top level, which is read too; dates occur with
//! and without dashes.

use super::answer::{self, AnswerError, push_account, read_account};
use super::prepay::read_sign_type;
use crate::Secret;
use crate::common::fields::nth_name;
use crate::common::settlement::{Limit, MAX_RECORDS, Record, UseTag};
use crate::common::xml::Grouped;
use crate::common::{Date, FieldError, Fields, Problem, SignType, Text};
use order::{Account, Currency};

/// Where to send the request.
pub const PATH: &str = "/pay/settlementquery";

/// A query of settlements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that the query is about.
    pub account: Account,
    /// Which funds.
    pub usetag: UseTag,
    /// How many records to skip.
    pub offset: u32,
    /// How many records to answer.
    pub limit: Limit,
    /// The requested days. The manual requires them for settled funds.
    pub dates: Option<(Date, Date)>,
    /// A nonce, from the caller.
    pub nonce_str: Text<32>,
    /// How this request is signed, and so its answer.
    pub sign_type: SignType,
}

impl Request {
    /// The request's fields, not signed yet.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        push_account(&mut fields, &self.account);
        fields.push("usetag", self.usetag.as_str());
        fields.push("nonce_str", self.nonce_str.as_str());
        fields.push_some("sign_type", self.sign_type.unless_default());
        fields.push("offset", self.offset.to_string());
        fields.push("limit", self.limit.get().to_string());
        fields.push_some("date_start", self.dates.map(|(from, _)| from.to_string()));
        fields.push_some("date_end", self.dates.map(|(_, to)| to.to_string()));
        fields
    }

    /// The document to send.
    pub fn to_xml(&self, key: &Secret) -> String {
        self.to_fields().sealed(key, self.sign_type).to_xml()
    }

    /// Reads a request. The caller verifies its signature.
    pub fn read(fields: &Fields) -> Result<Self, FieldError> {
        let usetag = fields.one_of("usetag", UseTag::parse)?;
        let from = fields.optional_date("date_start")?;
        let to = fields.optional_date("date_end")?;
        let dates = match (from, to) {
            (None, None) if usetag == UseTag::Outstanding => None,
            (Some(from), Some(to)) if from <= to => Some((from, to)),
            (Some(_), Some(_)) => return Err(Problem::OutOfRange.of("date_end")),
            (None, _) => return Err(Problem::Missing.of("date_start")),
            (_, None) => return Err(Problem::Missing.of("date_end")),
        };
        Ok(Self {
            account: read_account(fields)?,
            usetag,
            offset: u32::try_from(fields.int("offset")?)
                .map_err(|_| Problem::OutOfRange.of("offset"))?,
            limit: Limit::new(fields.int("limit")?)?,
            dates,
            nonce_str: fields.text("nonce_str")?,
            sign_type: read_sign_type(fields)?,
        })
    }
}

/// The merchant's settlements at WeChat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The records, in WeChat's order.
    pub records: Vec<Record>,
    /// Whether the envelope was signed. The records never are.
    pub signed: bool,
}

impl Answer {
    /// Reads the answer to `request`. An invalid `sign` is refused; without a
    /// `sign`, [`signed`](Self::signed) is `false`.
    pub fn read(bytes: &[u8], request: &Request, key: &Secret) -> Result<Self, AnswerError> {
        let document = Grouped::parse(bytes, "setteinfo_")?;
        let signed = document.fields.get_nonempty("sign").is_some();
        let fields = answer::check_optionally_signed(
            document.fields,
            &request.account,
            key,
            request.sign_type,
        )?;
        let records = read_records(&fields, &document.groups)?;
        Ok(Self { records, signed })
    }

    /// The document to send, signed as WeChat signs it: without the records.
    /// [`signed`](Self::signed) is ignored.
    pub fn to_xml(
        &self,
        account: &Account,
        nonce_str: &str,
        key: &Secret,
        sign_type: SignType,
    ) -> String {
        let fields = answer::success(account, nonce_str)
            .with("record_num", self.records.len().to_string())
            .sealed(key, sign_type);
        let records = self.records.iter().map(Record::to_fields);
        let groups = records
            .enumerate()
            .map(|(n, record)| (nth_name("setteinfo_$n", n), record))
            .collect();
        Grouped { fields, groups }.to_xml()
    }
}

/// The count is not trusted: nothing is allocated by it, and it is compared
/// with the items.
fn read_records(fields: &Fields, groups: &[(String, Fields)]) -> Result<Vec<Record>, FieldError> {
    let out_of_range = Problem::OutOfRange.of("record_num");
    let count = usize::try_from(fields.int("record_num")?).map_err(|_| out_of_range)?;
    // The manual's sample: one record, not in a group, and any count.
    if groups.is_empty() && fields.get("settlement_fee").is_some() {
        return Ok(vec![Record::read(fields)?]);
    }
    if count != groups.len() || count > MAX_RECORDS {
        return Err(out_of_range);
    }
    let missing = Problem::Missing.of("setteinfo_$n");
    (0..count)
        .map(|n| {
            let name = nth_name("setteinfo_$n", n);
            let group = groups.iter().find(|(group, _)| *group == name);
            Record::read(&group.ok_or(missing)?.1)
        })
        .collect()
}

impl Record {
    fn read(fields: &Fields) -> Result<Self, FieldError> {
        let currency = match fields.get_nonempty("settlementfee_type") {
            None => fields.one_of("settlement_type", Currency::from_code),
            Some(_) => fields.one_of("settlementfee_type", Currency::from_code),
        };
        Ok(Self {
            fbatchno: fields.owned("fbatchno"),
            date_settlement: read_date(fields, "date_settlement")?,
            date_start: read_date(fields, "date_start")?,
            date_end: read_date(fields, "date_end")?,
            settlement_fee: read_signed(fields, "settlement_fee")?,
            unsettlement_fee: read_signed(fields, "unsettlement_fee")?,
            settlementfee_type: currency?,
            pay_fee: read_signed(fields, "pay_fee")?,
            refund_fee: read_signed(fields, "refund_fee")?,
            pay_net_fee: read_signed(fields, "pay_net_fee")?,
            poundage_fee: read_signed(fields, "poundage_fee")?,
        })
    }

    fn to_fields(&self) -> Fields {
        let day = |date: Option<Date>| date.map(|date| date.to_string());
        let mut fields = Fields::new();
        fields.push_some("fbatchno", self.fbatchno.as_deref());
        fields.push_some("date_settlement", day(self.date_settlement));
        fields.push_some("date_start", day(self.date_start));
        fields.push_some("date_end", day(self.date_end));
        fields.push("settlement_fee", self.settlement_fee.to_string());
        fields.push("unsettlement_fee", self.unsettlement_fee.to_string());
        fields.push("settlementfee_type", self.settlementfee_type.code());
        fields.push("pay_fee", self.pay_fee.to_string());
        fields.push("refund_fee", self.refund_fee.to_string());
        fields.push("pay_net_fee", self.pay_net_fee.to_string());
        fields.push("poundage_fee", self.poundage_fee.to_string());
        fields
    }
}

fn read_date(fields: &Fields, field: &'static str) -> Result<Option<Date>, FieldError> {
    fields
        .get_nonempty(field)
        .map(|date| Date::parse(&date.replace('-', "")).map_err(|_| Problem::BadFormat.of(field)))
        .transpose()
}

/// A whole number that may be negative, as the sum of refunds is.
fn read_signed(fields: &Fields, field: &'static str) -> Result<i64, FieldError> {
    let value = fields.required(field)?;
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::NotANumber.of(field));
    }
    value.parse().map_err(|_| Problem::OutOfRange.of(field))
}
