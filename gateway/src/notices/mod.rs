//! `POST /notify/{dialect}/{merchant}`: what an upstream tells unasked.
//!
//! The signature is verified over the bytes before anything in them is used,
//! with the merchant's own keys (checklist G3); then the book compares and
//! writes; only then is the notice acknowledged. Whatever is not believed is
//! counted under a name of its own, probes like any other (checklist G5), and
//! the sender is told to send it again. The log says that name and no more: an
//! error's text may repeat words that nobody signed, about anybody.

mod ionline;
mod v2;
mod v3;

use crate::Gateway;
use crate::book::{Call, Verdict};
use crate::directory::Known;
use crate::error::{ApiError, Code};
use crate::world::World;
use order::{OutTradeNo, Payment};
use std::rc::Rc;

impl<W: World> Gateway<W> {
    /// The merchant whose address the sender used.
    async fn addressee(&self, id: &str, dialect: &str) -> Result<Rc<Known>, ApiError> {
        let known = self.directory.by_id(&self.world, &self.config, id).await?;
        known
            .filter(|known| known.merchant.dialect.name() == dialect)
            .ok_or_else(|| ApiError::of(Code::MerchantNotFound))
    }

    /// Hands a verified payment to a merchant's book. `xml` is the document to
    /// forward, where it came in the form that merchants know.
    async fn noticed(
        &self,
        id: &str,
        payment: Payment,
        xml: Option<String>,
    ) -> Result<Verdict, ApiError> {
        let payment = Box::new(payment);
        self.book(id, Call::Noticed { payment, xml }).await
    }

    /// A verified notice whose signature is also the signature of another
    /// document. It is not believed, and WeChat is queried for the order that it
    /// names: a real payment is learned from the answer.
    async fn ambiguous(&self, id: &str, out_trade_no: Option<&str>) -> Result<Verdict, ApiError> {
        let name = "notice_ambiguous";
        self.not_believed(id, name).await?;
        match out_trade_no.map(OutTradeNo::new) {
            Some(Ok(number)) => self.book(id, Call::Hinted(number)).await,
            _ => Ok(Verdict::Refused(name.to_owned())),
        }
    }

    /// Logs and counts what was not believed.
    async fn not_believed(&self, id: &str, name: &str) -> Result<(), ApiError> {
        self.world.log(format_args!("notice for {id}: {name}"));
        let call = Call::NoticeRefused(name.to_owned());
        let _: Verdict = self.book(id, call).await?;
        Ok(())
    }
}
