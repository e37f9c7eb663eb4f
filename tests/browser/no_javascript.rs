//! The page's program cannot run: the purchase can be read, and the page says
//! what to do.

use crate::visit;

const READABLE: [&str; 2] = [
    "Demo Tea House HK$48.00",
    "For Jasmine pearls, 50 g Order no.",
];

#[test]
fn without_javascript_the_page_says_so_in_three_languages() {
    visit(|system, payer| {
        payer.runs_no_scripts();
        let checkout = system.checkout();
        for (width, height) in [(320, 568), (390, 780), (768, 1024), (1440, 900)] {
            payer.has_a_window_of(width, height);
            payer.opens(&checkout);
            payer.sees("This page needs JavaScript to take a payment. Please turn it on and reload, or open the link in WeChat.");
            payer.sees("此页面需要 JavaScript 才能支付。");
            payer.sees("此頁面需要 JavaScript 才能付款。");
            for text in READABLE {
                payer.sees(text);
            }
            payer.does_not_see("Loading…");
            payer.pictures(&format!("no-javascript-{width}"));
            payer.finds_that_it_fits(&format!("no JavaScript, {width}"));
        }
        payer.prefers("color-scheme", "dark");
        payer.pictures("no-javascript-dark");
        assert!(system.orders().is_empty());
    });
}

#[test]
fn without_webassembly_the_page_says_what_to_do() {
    visit(|system, payer| {
        // An old browser, or one whose settings forbid it.
        payer.expects_in_the_console("WebAssembly");
        payer.runs_first("delete window.WebAssembly");
        payer.has_a_window_of(390, 780);
        payer.opens(&system.checkout());
        for text in READABLE {
            payer.sees(text);
        }
        payer.sees("This is taking longer than usual.");
        payer.sees_control("Reload");
        payer.pictures("no-webassembly");
        payer.finds_it_accessible("no WebAssembly");
        assert!(system.orders().is_empty());
    });
}

#[test]
fn a_damaged_program_can_be_loaded_again() {
    visit(|system, payer| {
        payer.expects_in_the_console("cut off");
        payer.runs_first(
            "WebAssembly.instantiateStreaming = WebAssembly.instantiate = WebAssembly.compile =
             WebAssembly.compileStreaming = async () => { throw new WebAssembly.CompileError('cut off') };",
        );
        payer.opens(&system.checkout());
        for text in READABLE {
            payer.sees(text);
        }
        payer.sees("This is taking longer than usual.");
        payer.sees_control("Reload");
    });
}
