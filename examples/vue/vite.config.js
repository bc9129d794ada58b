import vue from "@vitejs/plugin-vue";

const compilerOptions = { isCustomElement: (tag) => tag === "cams-qr" };

export default { plugins: [vue({ template: { compilerOptions } })] };
