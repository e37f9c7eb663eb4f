//! Maps each command to the function that executes it.

use super::command::{
    Audit, Bookings, Call, CancelRefund, ChangeEndpoint, CheckCheckout, Claim, CloseOrder, Command,
    CreateEndpoint, CreateOrder, CreateReceipt, CreateRefund, Decide, DeleteEndpoint, Deliveries,
    Endpoints, Events, FindCheckout, FindDelivery, FindEvent, FindKept, FindLink, FindOrder,
    FindProduct, FindReceipt, FindRefunds, FirstChange, HasImage, Hinted, ImageFile, KeepImage,
    Links, List, NoteDifference, Noticed, NoticesRefused, OpenCheckout, ProductScanned, QuickPay,
    Raise, Reconciliation, Reconciliations, RefundNoticed, RemoveImage, Resend, ResendFailed,
    Reverse, RevokeReceipt, RotateEndpoint, Sale, SetLink, SetProduct, Settle, Stray, TestEndpoint,
    Timeline, Totals, ViewCheckout, Wake,
};
use super::{Book, Buy, PrepareCheckout, command, store};
use crate::http::error::ApiError;
use crate::merchants::directory::MerchantContext;
use crate::observe::alarm::Alarm;
use crate::observe::audit;
use crate::runtime::{Runtime, Storage};
use std::rc::Rc;

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Executes a command, and replies with the JSON of [`Command::Reply`].
    pub(super) async fn answer_for(
        &self,
        context: &Rc<MerchantContext>,
        call: Call,
    ) -> Result<serde_json::Value, ApiError> {
        match call {
            Call::CreateOrder(CreateOrder(new)) => {
                reply::<CreateOrder>(&self.create_order(context, *new).await?)
            }
            Call::FindOrder(FindOrder {
                out_trade_no,
                refresh,
            }) => {
                let found = self.find_order(context, &out_trade_no, refresh);
                reply::<FindOrder>(&found.await?)
            }
            Call::CloseOrder(CloseOrder(number)) => {
                reply::<CloseOrder>(&self.close_order(context, &number).await?)
            }
            Call::QuickPay(QuickPay(new)) => {
                reply::<QuickPay>(&self.quick_pay(context, *new).await?)
            }
            Call::Reverse(Reverse(number)) => {
                reply::<Reverse>(&self.reverse_order(context, &number).await?)
            }
            Call::CreateRefund(CreateRefund(new)) => {
                reply::<CreateRefund>(&self.create_refund(context, new).await?)
            }
            Call::CancelRefund(CancelRefund {
                out_trade_no,
                out_refund_no,
            }) => {
                let cancelled = self.cancel_refund(context, &out_trade_no, &out_refund_no);
                reply::<CancelRefund>(&cancelled.await?)
            }
            Call::SetProduct(SetProduct(product)) => {
                self.set_product(&product)?;
                reply::<SetProduct>(&product)
            }
            Call::FindProduct(FindProduct(id)) => reply::<FindProduct>(&self.product(&id)?),
            Call::ProductScanned(ProductScanned(id)) => {
                reply::<ProductScanned>(&self.product_scanned(context, &id).await?)
            }
            Call::RefundNoticed(RefundNoticed {
                out_trade_no,
                out_refund_no,
            }) => {
                let noticed = self.refund_noticed(context, &out_trade_no, &out_refund_no);
                reply::<RefundNoticed>(&noticed.await?)
            }
            Call::FindRefunds(FindRefunds(number)) => {
                reply::<FindRefunds>(&self.find_refunds(context, &number).await?)
            }
            Call::Deliveries(Deliveries(number)) => {
                reply::<Deliveries>(&self.deliveries(number.as_ref())?)
            }
            Call::Resend(Resend(id)) => reply::<Resend>(&self.resend(id)?),
            Call::Noticed(Noticed { payment, xml }) => {
                let noticed = self.noticed(context, *payment, xml.as_deref());
                reply::<Noticed>(&noticed.await?)
            }
            Call::Stray(Stray(unmatched)) => reply::<Stray>(&self.keep_unmatched(&unmatched)?),
            Call::Hinted(Hinted(number)) => {
                reply::<Hinted>(&self.query_after_hint(context, &number).await?)
            }
            Call::NoticesRefused(NoticesRefused(counts)) => {
                self.count_by_name(counts)?;
                reply::<NoticesRefused>(&())
            }
            Call::OpenCheckout(OpenCheckout(new)) => {
                reply::<OpenCheckout>(&self.open_checkout(context, *new)?)
            }
            Call::FindCheckout(FindCheckout(number)) => {
                reply::<FindCheckout>(&self.find_checkout(context, &number).await?)
            }
            Call::ViewCheckout(ViewCheckout(id)) => {
                reply::<ViewCheckout>(&self.show_checkout(context, &id)?)
            }
            Call::PrepareCheckout(prepare) => {
                reply::<PrepareCheckout>(&self.prepare_checkout(context, prepare).await?)
            }
            Call::CheckCheckout(CheckCheckout(id)) => {
                reply::<CheckCheckout>(&self.check_checkout(context, &id).await?)
            }
            Call::SetLink(SetLink(link)) => reply::<SetLink>(&self.set_link(&link)?),
            Call::FindLink(FindLink(id)) => reply::<FindLink>(&self.open_link(context, &id)?),
            Call::Links(Links(id)) => reply::<Links>(&self.links(id.as_deref())?),
            Call::Buy(buy) => reply::<Buy>(&self.buy(context, &buy)?),
            Call::Sale(Sale { id, once }) => reply::<Sale>(&self.sale(&id, &once)?),
            Call::Claim(Claim {
                transaction_id,
                order,
            }) => {
                store::orders::keep_transaction(&self.storage, &transaction_id, &order)?;
                reply::<Claim>(&!self.is_of_another(&transaction_id, &order)?)
            }
            Call::Report => reply::<command::Report>(&self.report()?),
            Call::Wake => {
                // The runtime may have lost the alarm although the object still
                // runs.
                self.armed_at_ms.set(None);
                self.alarms_changed()?;
                self.arm()?;
                reply::<Wake>(&())
            }
            Call::FirstChange(FirstChange(subject)) => {
                reply::<FirstChange>(&audit::first(&self.storage, &subject)?)
            }
            Call::Audit(Audit(page)) => reply::<Audit>(&audit::read(&self.storage, &page)?),
            Call::List(List(search)) => reply::<List>(&self.list(&search)?),
            Call::Totals(Totals(periods)) => reply::<Totals>(&self.totals(&periods)?),
            Call::Timeline(Timeline(number)) => reply::<Timeline>(&self.timeline(&number)?),
            Call::Reconciliation(Reconciliation { date, after }) => {
                reply::<Reconciliation>(&self.reconciliation(&date, after)?)
            }
            Call::Reconciliations(Reconciliations(month)) => {
                reply::<Reconciliations>(&self.reconciliations(month)?)
            }
            Call::Bookings(Bookings { month, after }) => {
                reply::<Bookings>(&self.bookings(month, after)?)
            }
            Call::NoteDifference(NoteDifference(note)) => {
                reply::<NoteDifference>(&self.note_difference(&note)?)
            }
            Call::Events(Events(search)) => reply::<Events>(&self.events(&search)?),
            Call::FindEvent(FindEvent(id)) => reply::<FindEvent>(&self.find_event(&id)?),
            Call::CreateEndpoint(CreateEndpoint(new)) => {
                reply::<CreateEndpoint>(&self.create_endpoint(context, new)?)
            }
            Call::Endpoints(Endpoints(id)) => reply::<Endpoints>(&self.endpoints(id.as_deref())?),
            Call::ChangeEndpoint(ChangeEndpoint(change)) => {
                reply::<ChangeEndpoint>(&self.change_endpoint(&change)?)
            }
            Call::DeleteEndpoint(DeleteEndpoint(id)) => {
                reply::<DeleteEndpoint>(&self.delete_endpoint(&id)?)
            }
            Call::RotateEndpoint(RotateEndpoint(new)) => {
                reply::<RotateEndpoint>(&self.rotate_endpoint(&new)?)
            }
            Call::TestEndpoint(TestEndpoint(id)) => {
                reply::<TestEndpoint>(&self.test_endpoint(&id)?)
            }
            Call::ResendFailed(ResendFailed { endpoint, since_ms }) => {
                reply::<ResendFailed>(&self.resend_failed(&endpoint, since_ms)?)
            }
            Call::FindDelivery(FindDelivery(id)) => reply::<FindDelivery>(&self.find_delivery(id)?),
            Call::ResealEndpoints => reply::<command::ResealEndpoints>(&self.reseal_endpoints()?),
            Call::FindKept(FindKept(key)) => reply::<FindKept>(&self.kept_reply(&key)?),
            Call::CreateReceipt(CreateReceipt(number)) => {
                reply::<CreateReceipt>(&self.create_receipt(&number)?)
            }
            Call::RevokeReceipt(RevokeReceipt(number)) => {
                reply::<RevokeReceipt>(&self.revoke_receipt(&number)?)
            }
            Call::FindReceipt(FindReceipt(id)) => reply::<FindReceipt>(&self.find_receipt(&id)?),
            Call::KeepImage(KeepImage { image, base64 }) => {
                reply::<KeepImage>(&self.keep_image(&image, &base64)?)
            }
            Call::HasImage(HasImage(name)) => {
                reply::<HasImage>(&store::images::find(&self.storage, &name)?.is_some())
            }
            Call::ImageFile(ImageFile(name)) => {
                reply::<ImageFile>(&store::images::base64(&self.storage, &name)?)
            }
            Call::RemoveImage(RemoveImage(name)) => {
                reply::<RemoveImage>(&self.remove_image(&name)?)
            }
            Call::Images => reply::<command::Images>(&store::images::list(&self.storage)?),
            // Answered before the merchant is looked up.
            Call::Transfer(_) => Err(ApiError::internal("a step of a move")),
            Call::Settle(Settle(settled)) => reply::<Settle>(&self.settle_alarm(&settled)?),
            Call::Decide(Decide(decision)) => {
                reply::<Decide>(&self.decide(context, &decision).await?)
            }
            Call::Raise(Raise { alarm, subject }) => {
                if let Some(alarm) = Alarm::named(&alarm) {
                    self.raise(alarm, &subject)?;
                }
                reply::<Raise>(&())
            }
        }
    }
}

/// The JSON of a command's reply.
fn reply<C: Command>(reply: &C::Reply) -> Result<serde_json::Value, ApiError> {
    serde_json::to_value(reply).map_err(ApiError::internal)
}
