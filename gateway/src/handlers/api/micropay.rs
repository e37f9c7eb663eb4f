//! `POST /v1/micropay` and `POST /v1/reverse`: Quick Pay, where the merchant
//! scans the payer's code (seed 002, section 5).

use super::order::status_data;
use super::{Access, client_ip};
use crate::Gateway;
use crate::book::{Call, NewQuickPay};
use crate::http::address;
use crate::http::error::ApiError;
use crate::http::fields::Fields;
use crate::http::message::success;
use crate::runtime::{Request, Response, Runtime};
use order::{Order, Terms, TradeType};

impl<R: Runtime> Gateway<R> {
    /// Takes a payment. BASIC. Answers how the order stands: `SUCCESS`, or
    /// `USERPAYING` while the payer enters the password or nothing certain is
    /// known; then ask `GET /v1/order` every few seconds. After 30 seconds the
    /// order is reversed. A refusal of WeChat (a code that expired or was
    /// used, no money) needs a new number *and* a new code (checklist Q3).
    ///
    /// The same number again never takes money again: it answers how the order
    /// stands.
    pub(crate) async fn micropay(&self, request: &Request) -> Result<Response, ApiError> {
        let context = self.caller(request, Access::Basic).await?;
        let fields = Fields::read(request.body())?;
        let upstream = self.upstream(&context);
        let terms = Terms {
            out_trade_no: fields.out_trade_no()?,
            account: context.merchant.account.clone(),
            body: upstream.body(&fields, upstream.max_body())?,
            money: upstream.money(&fields)?,
            trade_type: TradeType::Micropay,
            openid: None,
            attach: upstream.attach(&fields)?,
            notify_url: address::notify_url(&fields, "notify_url", self.notify_targets(&context))?,
            expires_at_ms: self.runtime.now_ms(),
        };
        let addresses = [("notify_url", &terms.notify_url)];
        self.refuse_foreign_addresses(request, &context, &addresses)
            .await?;
        let auth_code = fields.required("auth_code", 32)?;
        let well_formed = auth_code.len() == 18
            && auth_code.bytes().all(|b| b.is_ascii_digit())
            && ("10".."16").contains(&auth_code.get(..2).unwrap_or_default());
        if !well_formed {
            return Err(fields.invalid("auth_code", "must be 18 digits that begin with 10 to 15"));
        }
        let new = NewQuickPay {
            terms,
            auth_code,
            till_ip: client_ip(request),
        };
        let call = Call::QuickPay(Box::new(new));
        let order: Order = match self.book(&context.merchant.id, call).await {
            Ok(order) => order,
            Err(error) => return Err(self.told_to(request, &context, error).await),
        };
        Ok(success(status_data(&order)))
    }

    /// Reverses a Quick Pay order, 15 seconds to 7 days after it was made.
    /// SECRET. While WeChat has not confirmed it, `trade_state` is
    /// `USERPAYING`, and the order's timer goes on.
    pub(crate) async fn reverse_order(&self, request: &Request) -> Result<Response, ApiError> {
        let context = self.caller(request, Access::Secret).await?;
        let number = Fields::read(request.body())?.out_trade_no()?;
        let order: Order = self
            .book(&context.merchant.id, Call::Reverse(number))
            .await?;
        Ok(success(status_data(&order)))
    }
}
