//! Quick Pay: the merchant scans the payer's code.
//!
//! ```text
//! POST /v3/global/micropay/transactions/pay       Global
//! POST /v3/pay/transactions/codepay               mainland; …/pay/partner/… for institutions
//!   the ids, description, attach, out_trade_no, amount, goods_tag, limit_pay,
//!   scene_info, detail as in prepay
//!   payer{auth_code}                              18 digits that begin 10 to 15
//!   Global also: trade_type MICROPAY, merchant_category_code
//! answer
//!   as a query's: trade_state SUCCESS with the payment, or USERPAYING
//! ```
//!
//! This call takes money and its outcome can be unknown: after a time-out,
//! `USERPAYING` or a system error, query first and never repeat blindly (Q4,
//! Q5). An order whose outcome stays unknown is [reversed](super::reverse)
//! (Q6). WeChat Pay APIv3 Global manual, "Quick Pay Order".

pub use super::query::Answer;
use crate::common::micropay::AuthCode;

use super::answer::AnswerError;
use super::json::set;
use super::keyring::Verified;
use super::merchant::{Merchant, read_account};
use super::prepay::{
    Detail, SceneInfo, as_str, read_limit_pay, read_out_trade_no, transactions, write_amount,
    write_limit_pay,
};
use super::region::Region;
use super::request::{Incoming, Outgoing, RequestError};
use crate::common::{OrderNumber, Problem, Text};
use order::{Account, Money, OutTradeNo, TradeState, TradeType};
use serde_json::{Map, json};

/// A request to take a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The account that receives the payment.
    pub account: Account,
    /// The description of the purchase, which the payer reads.
    pub description: Text<127>,
    /// The merchant's own data, returned in answers.
    pub attach: Option<Text<128>>,
    /// The merchant's order number. One code, one order (Q2).
    pub out_trade_no: OutTradeNo,
    /// The amount, in the currency's smallest unit.
    pub money: Money,
    /// The merchant's trade by ISO 18245, such as `4111`. Global requires it,
    /// the mainland does not have it.
    pub merchant_category_code: Option<Text<32>>,
    /// A coupon label.
    pub goods_tag: Option<Text<32>>,
    /// `no_credit` excludes credit cards. Only Global has it.
    pub limit_pay: Option<Text<32>>,
    /// The shop and the terminal. The mainland requires the shop.
    pub scene_info: Option<SceneInfo>,
    /// The goods, for coupons.
    pub detail: Option<Detail>,
    /// The scanned code.
    pub auth_code: AuthCode,
}

impl Request {
    /// The request to send. Its body contains the payment code.
    pub fn outgoing(&self, region: Region) -> Outgoing {
        let mut fields = Map::new();
        Merchant::from(&self.account).push(&mut fields);
        set(&mut fields, "description", Some(self.description.as_str()));
        set(&mut fields, "attach", as_str(&self.attach));
        set(
            &mut fields,
            "out_trade_no",
            Some(self.out_trade_no.as_str()),
        );
        set(&mut fields, "goods_tag", as_str(&self.goods_tag));
        if region == Region::Global {
            let code = as_str(&self.merchant_category_code);
            set(
                &mut fields,
                "trade_type",
                Some(TradeType::Micropay.as_str()),
            );
            set(&mut fields, "merchant_category_code", code);
            set(
                &mut fields,
                "limit_pay",
                write_limit_pay(&self.limit_pay, region),
            );
        }
        set(&mut fields, "amount", Some(write_amount(self.money)));
        let payer = json!({ "auth_code": self.auth_code.expose() });
        set(&mut fields, "payer", Some(payer));
        set(
            &mut fields,
            "scene_info",
            self.scene_info.as_ref().map(SceneInfo::to_json),
        );
        set(
            &mut fields,
            "detail",
            self.detail.as_ref().map(|detail| detail.fields().clone()),
        );
        let path = match region {
            Region::Global => "/v3/global/micropay/transactions/pay".to_owned(),
            Region::Mainland => {
                let institution = self.account.sub_mch_id.is_some();
                format!("{}/codepay", transactions(region, institution))
            }
        };
        Outgoing::post(path, fields)
    }

    /// Reads a request. The code is checked last, so [`AuthCode::refuses`]
    /// means that everything else is valid.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        let document = request.document()?;
        let root = document.root();
        let merchant_category_code = match request.region {
            Region::Mainland => None,
            Region::Global => {
                if root.one_of("trade_type", TradeType::from_name)? != TradeType::Micropay {
                    return Err(root.error("trade_type", Problem::UnknownValue).into());
                }
                Some(root.limited("merchant_category_code")?)
            }
        };
        Ok(Self {
            account: read_account(&root)?,
            description: root.limited("description")?,
            attach: root.optional_limited("attach")?,
            out_trade_no: read_out_trade_no(&root)?,
            money: root.object("amount")?.money("total")?,
            merchant_category_code,
            goods_tag: root.optional_limited("goods_tag")?,
            limit_pay: read_limit_pay(&root)?,
            scene_info: SceneInfo::read(&root)?,
            detail: Detail::read(&root)?,
            auth_code: root
                .object("payer")?
                .parsed("auth_code", 128, AuthCode::new)?,
        })
    }
}

/// Reads the verified answer to `request`. A payment of another amount or
/// trade type is [`AnswerError::Mismatched`]; after it, query.
pub fn read_answer(verified: Verified<'_>, request: &Request) -> Result<Answer, AnswerError> {
    let by = OrderNumber::OutTradeNo(request.out_trade_no.clone());
    let answer = Answer::read(verified, &by, &request.account)?;
    if let TradeState::Success(payment) | TradeState::Refund(payment) = &answer.state {
        let differences = [
            (
                payment.money.currency() != request.money.currency(),
                "amount.currency",
            ),
            (payment.money != request.money, "amount.total"),
            (payment.trade_type != TradeType::Micropay, "trade_type"),
        ];
        for (differs, field) in differences {
            if differs {
                return Err(AnswerError::Mismatched { field });
            }
        }
    }
    Ok(answer)
}
