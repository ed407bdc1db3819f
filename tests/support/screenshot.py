"""Takes the README's picture: a production release in mid-rollout, on the real page, from a real demo."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import tempfile
from pathlib import Path

import httpx
from playwright.async_api import async_playwright

from tests.support.page import CHROMIUM, FLAGS


async def main(out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "bot.cli", "demo", "--port", "0", "--data", folder]
        demo = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        assert demo.stdout is not None
        try:
            url = ""
            while not url:
                line = (await asyncio.wait_for(demo.stdout.readline(), 60)).decode()
                found = re.search(r"(http://127\.0\.0\.1:\d+)/\?as=dana", line)
                url = found.group(1) if found else ""
            await picture(url, out)
        finally:
            demo.send_signal(signal.SIGTERM)
            await demo.communicate()


async def picture(url: str, out: Path) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client, async_playwright() as play:

        async def say(text: str) -> None:
            body = {"as": "dana", "channel": "#deploys", "text": text}
            (await client.post("/client/send", json=body)).raise_for_status()

        browser = await play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1200, "height": 780})
        lead = await browser.new_page()

        async def approve(number: int) -> None:
            await lead.goto(f"{url}/?as=lee#C0RELEASE1")
            row = lead.get_by_role("button", name="Approve").last
            await lead.get_by_text(f"#{number}", exact=True).last.wait_for()
            await row.click()

        await say("/deploy shop@v1.0.0 prod")
        await approve(1)
        await page.goto(f"{url}/?as=dana#C0DEPLOY01")
        await page.get_by_text("Done", exact=True).first.wait_for(timeout=60000)
        await say('/deploy shop prod --reason "free delivery"')
        await approve(2)
        await page.get_by_text("Rolling out", exact=False).last.wait_for(timeout=60000)
        await page.get_by_text("shop-1  ✓✓✓✓✓✓", exact=False).last.wait_for(timeout=60000)
        await page.mouse.move(0, 0)
        await page.keyboard.press("End")
        await page.screenshot(path=out)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
