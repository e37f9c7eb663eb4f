//! Products: what a payer buys by scanning a permanent code (Native mode 1,
//! WeChat Pay v2 manual, section 6.4). Every scan makes an order of its own.

use super::{Book, NewOrder, Prepaid, store, write_stored};
use crate::http::error::{ApiError, Code};
use crate::merchants::directory::MerchantContext;
use crate::runtime::{Runtime, Storage};
use order::{Money, OutTradeNo, Terms, TradeType};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use wechatpay::common::prepay::PREPAY_SECONDS;

/// A product, which one code sells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The merchant's number of the product.
    pub product_id: String,
    /// The description that the payer reads.
    pub body: String,
    /// The price.
    pub money: Money,
    /// The URL that receives the notice of each sale.
    pub notify_url: Option<String>,
}

impl<R: Runtime, S: Storage> Book<R, S> {
    /// Adds a product, or changes what its code sells from now on.
    pub(super) fn set_product(&self, product: &Product) -> Result<(), ApiError> {
        let money = product.money;
        let what = format!(
            "product, {} {}",
            money.amount_minor(),
            money.currency().code()
        );
        self.storage.atomically(|| {
            self.audit(&product.product_id, &what, "")?;
            let json = write_stored("product", product)?;
            Ok(store::products::put(
                &self.storage,
                &product.product_id,
                &json,
            )?)
        })
    }

    /// The product with this number.
    pub(super) fn product(&self, product_id: &str) -> Result<Product, ApiError> {
        let json = store::products::json(&self.storage, product_id)?;
        let json = json.ok_or_else(|| ApiError::of(Code::ProductNotFound))?;
        Ok(self.read_row("product", product_id, &json)?)
    }

    /// A payer has scanned the product's code: makes the order for this scan.
    pub(super) async fn product_scanned(
        &self,
        context: &MerchantContext,
        product_id: &str,
    ) -> Result<Prepaid, ApiError> {
        let product = self.product(product_id)?;
        let number = crate::merchants::seal::random_text(|bytes| self.runtime.random(bytes), 24);
        let out_trade_no = OutTradeNo::new(&number).map_err(ApiError::internal)?;
        let terms = Terms {
            out_trade_no,
            account: context.merchant.account.clone(),
            body: product.body,
            money: product.money,
            trade_type: TradeType::Native,
            openid: None,
            // The notice tells the merchant which product was sold.
            attach: Some(product.product_id),
            notify_url: product.notify_url,
            metadata: Default::default(),
            expires_at_ms: self.runtime.now_ms() + PREPAY_SECONDS * 1000,
        };
        let new = NewOrder {
            terms,
            payer_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            time_expire_ms: None,
            is_attempt: false,
        };
        self.prepaid_order(context, new).await
    }
}
