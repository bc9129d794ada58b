// What the page around the element says, in each of its languages.

export const texts = {
  en: {
    title: "WhatsApp QR codes",
    phoneNumber: "Business phone number",
    hint: "Include the country code. Spaces, dots and hyphens are fine.",
    show: "Show QR codes",
  },
  zh: {
    title: "WhatsApp 二维码",
    phoneNumber: "商家电话号码",
    hint: "请输入国家/地区代码，可以使用空格、点和连字符。",
    show: "显示二维码",
  },
  id: {
    title: "Kode QR WhatsApp",
    phoneNumber: "Nomor telepon bisnis",
    hint: "Sertakan kode negara. Spasi, titik, dan tanda hubung boleh digunakan.",
    show: "Tampilkan kode QR",
  },
};

/** The first of the browser's languages that the page supports, else English. */
export function pickLanguage(languages) {
  return languages.map((language) => language.split("-")[0]).find((language) => language in texts) ?? "en";
}
