import json,time,pytest,zipfile
from pathlib import Path
from playwright.sync_api import expect
from tests.web.site import *
pytestmark = pytest.mark.browser
def test_x(site):
    page = site.open()
    page.evaluate("""() => { addEventListener('cams-qr-load', () => { window.t0=performance.now();
      const root=document.querySelector('cams-qr').shadowRoot;
      const look=()=>{ if(root.querySelector('.drawing')) requestAnimationFrame(()=>setTimeout(()=>window.t1=performance.now())); else requestAnimationFrame(look)}; look(); });
      const f=fetch; window.fetch=async(...a)=>{const r=await f(...a); window.tf=performance.now(); return r} }""")
    ask(page, MANY)
    expect(page.locator(".card")).to_have_count(2000, timeout=20000)
    page.wait_for_timeout(2000)
    print("fetch->load, load->painted", page.evaluate("[t0-tf,t1-t0]"))
    page.screenshot(path="/tmp/a.png")
    t=time.time(); page.locator("#filter").fill("199"); 
    print("filter", page.evaluate("""() => new Promise(r=>{const t=performance.now();const i=document.querySelector('cams-qr').shadowRoot.querySelector('#filter'); i.value='19';i.dispatchEvent(new Event('input'));requestAnimationFrame(()=>setTimeout(()=>r(performance.now()-t)))})"""))
    print("clear", page.evaluate("""() => new Promise(r=>{const t=performance.now();const i=document.querySelector('cams-qr').shadowRoot.querySelector('#filter'); i.value='';i.dispatchEvent(new Event('input'));requestAnimationFrame(()=>setTimeout(()=>r(performance.now()-t)))})"""))
    print("selectall", page.evaluate("""() => new Promise(r=>{const t=performance.now();const i=document.querySelector('cams-qr').shadowRoot.querySelector('#all'); i.click();requestAnimationFrame(()=>setTimeout(()=>r(performance.now()-t)))})"""))
    page.locator("#all").uncheck()
    for kind in ["PNG pictures", "SVG drawings", "Table"]:
        page.locator("#download").click()
        t=time.time()
        with page.expect_download() as d:
            page.get_by_role("menuitem", name=kind).click()
        p=Path(d.value.path()); print(kind, time.time()-t, p.stat().st_size)
        if kind!="Table":
            z=zipfile.ZipFile(p); print(z.testzip(), len(z.namelist()), z.namelist()[:3])
    page.evaluate("void (window.print=()=>{window.printed=performance.now()})")
    page.locator("#print").click()
    page.screenshot(path="/tmp/b.png")
    page.get_by_role("dialog").get_by_label("Codes on a page").select_option("24")
    t=time.time()
    page.get_by_role("dialog").get_by_role("button", name="Print", exact=True).click()
    wait_for(page, lambda: page.evaluate("window.printed"))
    print("sheet", time.time()-t)
    t=time.time()
    pdf=page.pdf(prefer_css_page_size=True, path="/tmp/s.pdf")
    import pypdfium2
    doc=pypdfium2.PdfDocument(pdf)
    print("pages", len(doc), time.time()-t)
    doc[0].render(scale=1.6).to_pil().save("/tmp/c.png")
    print(site.errors)
