//! What merchants and the operator ask of the gateway.

use super::shop::Shop;
use super::world::World;
use memory_runtime::{ADMIN_TOKEN, GATEWAY};
use serde_json::Value as Json;

impl World {
    /// A call of the operator.
    pub(super) async fn admin(&self, path: &str, body: &Json) -> Option<Json> {
        self.admin_call("POST", path, body).await
    }

    pub(super) async fn admin_call(&self, method: &str, path: &str, body: &Json) -> Option<Json> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{GATEWAY}{path}"))
            .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
            .body(body.to_string().into_bytes())
            .expect("a request");
        let answer = self.ask_gateway(request, 20_000).await?;
        let json: Json = serde_json::from_slice(answer.body()).ok()?;
        (json["status"] == "success").then_some(json)
    }

    /// A call of a merchant: `None` when no readable answer arrives.
    pub(super) async fn call(
        &self,
        shop: &Shop,
        method: &str,
        path: &str,
        body: &Json,
    ) -> Option<(u16, Json)> {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{GATEWAY}{path}"))
            .header("api-key", &*shop.api_key.borrow())
            .header("api-secret", &*shop.api_secret.borrow())
            .header("content-type", "application/json")
            .body(match body {
                Json::Null => Vec::new(),
                body => body.to_string().into_bytes(),
            })
            .expect("a request");
        let (path, queried) = path.split_once("?out_trade_no=").unwrap_or((path, ""));
        let number = body["out_trade_no"].as_str().unwrap_or(queried);
        let number = match number {
            "" => String::new(),
            number => format!(" #{number}"),
        };
        self.note_at(&shop.id, || {
            let fee = body.get("refund_fee").or(body.get("total_fee"));
            let fee = fee.map_or_else(String::new, |fee| format!(" {fee}"));
            format!("{method} {path}{number}{fee}")
        });
        let patience_ms = self.0.random.pick(&[2_000, 20_000, 60_000]);
        let answer = self.ask_gateway(request, patience_ms).await?;
        let json: Json = serde_json::from_slice(answer.body()).ok()?;
        let status = answer.status().as_u16();
        self.note_at(&shop.id, || {
            let data = &json["data"];
            let of = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
            let said = [of("trade_state"), of("refund_status")].concat();
            let code = json["code"].as_str().unwrap_or_default();
            format!("  {method} {path}{number} ⇒ {status} {said}{code}")
        });
        Some((status, json))
    }
}
