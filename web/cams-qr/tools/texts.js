// What the tools say, in each language.

export const texts = { en: english(), zh: chinese(), id: indonesian() };

function english() {
  const number = (count) => count.toLocaleString("en");
  return {
    whatNow: "Create one for this number in WhatsApp Manager or in the Chat App Message Service console, then refresh.",
    lookAgain: "Refresh",
    noMatch: "No message or code matches the filter.",
    clear: "Clear the filter",
    filter: "Filter by message or code",
    sort: "Sort",
    sorts: { given: "As listed", message: "By message", code: "By code" },
    selectAll: "Select all",
    open: "Open the link",
    save: (format) => `Download ${format.toUpperCase()}`,
    print: "Print…",
    download: "Download",
    kinds: { svg: "SVG images (ZIP)", png: "PNG images (ZIP)", csv: "Table (CSV)" },
    sheet: "Print sheet",
    paper: "Paper",
    perPage: "Codes per page",
    cancel: "Cancel",
    doPrint: "Print",
    busy: "Drawing the codes…",
    drawn: (count, total) => `${number(count)} of ${number(total)}`,
    what: (count) => (count === 1 ? "1 code" : `${number(count)} codes`),
    pages: (count) => (count === 1 ? "1 page" : `${number(count)} pages`),
  };
}

function chinese() {
  const number = (count) => count.toLocaleString("zh");
  return {
    whatNow: "请在 WhatsApp Manager 或 Chat App 消息服务控制台为该号码创建二维码，然后刷新。",
    lookAgain: "刷新",
    noMatch: "没有符合筛选条件的消息或代码。",
    clear: "清除筛选",
    filter: "按消息或代码筛选",
    sort: "排序",
    sorts: { given: "原有顺序", message: "按消息", code: "按代码" },
    selectAll: "全选",
    open: "打开链接",
    save: (format) => `下载 ${format.toUpperCase()}`,
    print: "打印…",
    download: "下载",
    kinds: { svg: "SVG 图片（ZIP）", png: "PNG 图片（ZIP）", csv: "表格（CSV）" },
    sheet: "打印设置",
    paper: "纸张",
    perPage: "每页二维码数",
    cancel: "取消",
    doPrint: "打印",
    busy: "正在绘制二维码…",
    drawn: (count, total) => `${number(count)} / ${number(total)}`,
    what: (count) => `${number(count)} 个二维码`,
    pages: (count) => `${number(count)} 页`,
  };
}

function indonesian() {
  const number = (count) => count.toLocaleString("id");
  return {
    whatNow: "Buat kode untuk nomor ini di WhatsApp Manager atau di konsol Chat App Message Service, lalu muat ulang.",
    lookAgain: "Muat ulang",
    noMatch: "Tidak ada pesan atau kode yang cocok dengan filter.",
    clear: "Hapus filter",
    filter: "Filter menurut pesan atau kode",
    sort: "Urutkan",
    sorts: { given: "Urutan asal", message: "Menurut pesan", code: "Menurut kode" },
    selectAll: "Pilih semua",
    open: "Buka tautan",
    save: (format) => `Unduh ${format.toUpperCase()}`,
    print: "Cetak…",
    download: "Unduh",
    kinds: { svg: "Gambar SVG (ZIP)", png: "Gambar PNG (ZIP)", csv: "Tabel (CSV)" },
    sheet: "Lembar cetak",
    paper: "Kertas",
    perPage: "Kode per halaman",
    cancel: "Batal",
    doPrint: "Cetak",
    busy: "Menggambar kode…",
    drawn: (count, total) => `${number(count)} dari ${number(total)}`,
    what: (count) => `${number(count)} kode`,
    pages: (count) => `${number(count)} halaman`,
  };
}
