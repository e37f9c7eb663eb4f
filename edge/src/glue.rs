//! Calls of the runtime that are one crossing each: see `glue.js`.

use js_sys::{JsString, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use worker::web_sys::{Request, Response};

#[wasm_bindgen(module = "/src/glue.js")]
extern "C" {
    /// The method, the address, and the name and value of each header, as lines.
    pub fn head(request: &Request) -> String;

    /// The whole body, as an `ArrayBuffer`; `undefined` if it does not arrive in
    /// time.
    #[wasm_bindgen(catch)]
    pub async fn body(request: &Request, patience_ms: u32) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    pub fn answer(status: u16, headers: &str, body: &[u8]) -> Result<Response, JsValue>;

    /// The body of a call; `None` where the request is none.
    pub fn called(request: &Request) -> Option<Promise<Uint8Array>>;

    #[wasm_bindgen(catch)]
    pub async fn call(
        namespace: &JsValue,
        name: &str,
        path: &str,
        body: &[u8],
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    #[allow(clippy::too_many_arguments)]
    pub async fn send(
        binding: &JsValue,
        method: &str,
        address: &str,
        headers: &str,
        body: &[u8],
        patience_ms: u32,
        most: u32,
        cuts: bool,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch)]
    pub fn execute(
        sql: &JsValue,
        statement: &JsString,
        values: &str,
    ) -> Result<Option<String>, JsValue>;
}
