//! 한국어, of the checkout only.

use super::form::{Texts, message};

pub(super) static TEXTS: Texts = Texts {
    locale: "ko",
    loading: "불러오는 중…",
    slow_page: "시간이 오래 걸리고 있습니다. 연결을 확인하고 페이지를 다시 불러오세요.",
    reload: "새로고침",
    offline: "오프라인 상태입니다. 연결되면 자동으로 계속됩니다.",
    item: "상품",
    order_number: "주문번호",
    paid_at: "결제 시간",
    transaction_number: "거래번호",
    charged: "청구 금액",
    receipt: "영수증 보기",
    carried_by: "{mark} 안전 결제",
    reference: "문의번호",

    pay: "결제하기",
    pay_again: "다시 결제하기",
    go_on_paying: "결제 계속하기",
    please_wait: "잠시만 기다려 주세요…",
    connecting: "위챗에 연결하는 중…",
    bridge_missing: message(
        "위챗이 응답하지 않습니다",
        "다시 시도하거나, 이 페이지를 닫고 링크를 다시 여세요.",
    ),
    sheet_open: message(
        "결제를 완료해 주세요",
        "위챗페이 화면에서 결제를 확인해 주세요.",
    ),
    sheet_slow: "위챗페이 화면이 보이지 않으면 다시 여세요. 중복으로 청구되지 않습니다.",
    open_again: "위챗페이 다시 열기",
    cancelled: message(
        "결제가 취소되었습니다",
        "이 주문은 계속 결제할 수 있습니다.",
    ),
    failed: message(
        "결제에 실패했습니다",
        "다시 시도하거나 위챗에서 다른 결제 수단을 선택하세요.",
    ),
    no_network: message(
        "인터넷에 연결되어 있지 않습니다",
        "연결된 후 다시 시도해 주세요.",
    ),

    confirming: message(
        "결제를 확인하는 중…",
        "몇 초 걸립니다. 다시 결제하지 마세요.",
    ),
    confirming_slow: message(
        "위챗페이의 확인을 기다리고 있습니다",
        "이미 결제했다면 더 하실 일이 없습니다. 확인되면 이 페이지가 자동으로 바뀌고, 페이지를 닫아도 판매자에게 알림이 갑니다.",
    ),
    check_again: "결제 결과 확인",
    not_paid_yet: "아직 결제하지 않음: 위챗페이 열기",
    paid: message("결제가 완료되었습니다", "{amount}"),
    partly_refunded: message(
        "일부 환불됨",
        "판매자가 이 결제의 일부를 환불했습니다. 결제에 사용한 수단으로 환불됩니다.",
    ),
    refunded: message(
        "환불됨",
        "판매자가 이 결제를 환불했습니다. 결제에 사용한 수단으로 환불됩니다.",
    ),
    to_merchant: "{merchant}(으)로 돌아가기",
    back_to_merchant: "판매자 페이지로 돌아가기",
    done: "완료",
    close: "닫기",
    returning: "{left} 후 판매자 페이지로 돌아갑니다",
    stay: "이 페이지에 머무르기",
    may_close: "이 페이지를 닫아도 됩니다.",

    scan: message(
        "위챗으로 스캔하여 결제",
        "위챗을 열고 스캔 기능으로 이 코드를 스캔하세요.",
    ),
    scan_alt: "QR 코드. 위챗으로 스캔하여 {merchant}에 {amount}을(를) 결제하세요.",
    drawing_code: "코드를 준비하는 중…",
    code_expires_in: "{left} 이내에 결제해 주세요",
    code_expired: message(
        "코드가 만료되었습니다",
        "방금 결제했다면 잠시 기다려 주세요. 아니라면 새 코드를 받으세요.",
    ),
    code_replaced: message(
        "이 코드는 더 이상 사용할 수 없습니다",
        "다른 기기에서 결제가 열렸습니다. 그 기기에서 결제하거나 여기에서 새 코드를 받으세요.",
    ),
    new_code: "새 코드 받기",
    pay_within: "남은 결제 시간 {left}",

    away: message(
        "위챗에서 결제를 완료해 주세요",
        "그런 다음 이 페이지로 돌아오세요. 확인되면 자동으로 바뀝니다.",
    ),
    i_have_paid: "결제했습니다",
    trouble_paying: "결제에 문제가 있나요? 다시 결제하기",
    not_seen: message(
        "아직 결제가 확인되지 않았습니다",
        "방금 결제했다면 잠시 기다려 주세요. 아직이라면 지금 결제할 수 있습니다.",
    ),

    in_phone_browser: message(
        "위챗에서 여세요",
        "링크를 복사해 위챗 채팅으로 보낸 다음, 채팅에서 눌러 결제하세요.",
    ),
    in_other_app: message(
        "위챗에서 여세요",
        "이 앱에서는 위챗페이로 결제할 수 없습니다. 링크를 복사해 위챗 채팅으로 보낸 다음, 채팅에서 눌러 결제하세요.",
    ),
    in_mini_program: message(
        "위챗 채팅에서 여세요",
        "미니프로그램 안의 페이지에서는 결제할 수 없습니다. 링크를 복사해 위챗 채팅으로 보낸 다음, 채팅에서 눌러 결제하세요.",
    ),
    in_wecom: message(
        "위챗에서 여세요",
        "WeCom에서는 결제할 수 없습니다. 링크를 복사해 위챗에서 여세요.",
    ),
    wechat_too_old: message(
        "위챗을 업데이트해 주세요",
        "위챗 버전이 너무 낮습니다. 업데이트한 후 이 링크를 다시 여세요.",
    ),
    copy_link: "링크 복사",
    copied: "복사됨",
    after_copying: "위챗을 열고 채팅에 링크를 붙여넣어 보낸 다음 누르세요.",
    open_wechat: "위챗 열기",
    copy_by_hand: "링크를 선택하여 복사하세요",
    link_code: "또는 이 코드를 캡처해 위챗 스캔에서 앨범을 열어 선택하세요. 다른 휴대폰으로 스캔할 수도 있습니다",
    link_code_alt: "이 페이지 링크의 QR 코드",

    expired: message(
        "결제 시간이 지났습니다",
        "방금 결제했다면 잠시 기다려 주세요. 아니라면 판매자에게 문의하세요.",
    ),
    closed: message(
        "주문이 종료되었습니다",
        "더 이상 결제할 수 없습니다. 궁금한 점은 판매자에게 문의하세요.",
    ),
    refused: message(
        "결제에 실패했습니다",
        "위챗페이가 승인하지 않았습니다. 판매자에게 다시 주문해 주세요.",
    ),

    not_charged: "아직 청구되지 않았습니다.",
    perhaps_charged: "이미 청구되었다면 확인 후 이 페이지에 표시됩니다.",
    no_payment: "위챗페이에 이 주문의 결제 내역이 없습니다.",
    opening_is_free: "이 페이지를 열어도 청구되지 않습니다.",
    unknown_link: message(
        "유효하지 않은 링크입니다",
        "링크가 완전하지 않을 수 있습니다. 다시 복사하거나 판매자에게 새 링크를 요청하세요.",
    ),
    expired_link: message("만료된 링크입니다", "판매자에게 새 링크를 요청하세요."),
    sign_in_again: message(
        "위챗 인증에 실패했습니다",
        "위챗 계정을 확인하지 못했습니다. 새로고침하여 다시 시도하세요.",
    ),
    sign_in_lost: message(
        "위챗 인증에 실패했습니다",
        "위챗 계정을 확인하지 못했습니다. 판매자의 링크를 다시 여세요.",
    ),
    cannot_sign_in: message(
        "지금은 위챗에서 결제할 수 없습니다",
        "판매자의 위챗 계정 설정이 아직 완료되지 않았습니다. 판매자에게 문의하세요.",
    ),
    snapshot: message(
        "전체 서비스를 사용해 주세요",
        "위챗이 이 페이지의 미리보기를 표시하고 있어 결제할 수 없습니다. 아래의 “使用完整服务”(전체 서비스 사용)를 누른 후 새로고침하세요.",
    ),
    busy: message(
        "잠시만 기다려 주세요",
        "몇 초 더 필요합니다. 잠시 후 다시 시도해 주세요.",
    ),
    wechat_unavailable: message(
        "위챗페이가 응답하지 않습니다",
        "잠시 후 다시 시도해 주세요.",
    ),
    merchant_problem: message(
        "이 결제를 받을 수 없습니다",
        "위챗페이가 이 판매자의 결제를 받아들이지 않았습니다. 판매자에게 주문번호를 알려 문의하세요.",
    ),
    not_selling: message(
        "판매자가 결제를 받지 않고 있습니다",
        "지금은 여기에서 구매할 수 없습니다. 판매자에게 문의하세요.",
    ),
    other_problem: message(
        "결제를 시작하지 못했습니다",
        "저희 시스템에 문제가 있습니다. 잠시 후 다시 시도해 주세요. 계속되면 판매자에게 이 페이지의 번호를 알려 문의하세요.",
    ),
    try_again: "다시 시도",
};
